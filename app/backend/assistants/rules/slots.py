"""Which tasks some words mean: `#3`, "tasks 1-4", "the second one", "it", "everything but 3", words of a title."""

import re

from app.backend.assistants.rules import groups, lexicon, normalise, titles
from app.backend.assistants.rules.references import Knowledge, Reference
from app.backend.records import LARGEST_ID

_NUMBER = r"(?:(?:tasks?|todos?|items?|numbers?|nos?\.?|nrs?\.?|ids?)\s*)*(?:(?:number|no\.?|nr\.?)\s*)?#?\s?\d{1,25}"
_NUMBERS = re.compile(
    rf"(?:the\s+|my\s+)?{_NUMBER}(?:\s*(?:,\s*and|,|&|\band\b|\bto\b|\bthrough\b|\bthru\b|\bor\b|[-\u2013]|\+|"
    rf"\s)\s*{_NUMBER}){{0,99}}(?:\s+tasks?)?",
    re.IGNORECASE,
)
_RANGE = re.compile(r"(\d{1,10})\s*(?:-|\u2013|to|through|thru)\s*#?(\d{1,10})", re.IGNORECASE)
_IT = re.compile(
    r"(?:it|its|that|this|that one|this one|(?:that|this|the|the same|said) (?:task|todo|item|reminder)|the one)",
    re.IGNORECASE,
)
_THEM = re.compile(
    r"(?:all of )?(?:them|those|these|they)(?: all)?(?: (?:tasks|ones|two|three))?|all of (?:it|that)|(?:them "
    r"|those )?both(?: of (?:them|those|these))?(?: tasks)?|both ones|"
    r"the (?:two|three) of them|all (?:three|two)",
    re.IGNORECASE,
)
_PLACE = re.compile(
    rf"(?:the\s+|my\s+)?(?P<place>{'|'.join(lexicon.ORDINALS)})(?:\s+(?P<count>one|two|three|four|five|\d)\b)?"
    rf"(?:\s+(?:{lexicon.NOUN}|ones?|option|entry))?(?:\s+(?:on|in|of|from) (?:my|the|this|that) list)?",
    re.IGNORECASE,
)
_OFF = re.compile(
    r"\s+(?:(?:from|off|on|in|of|out of) (?:my|the|this) (?:\S+\s)?(?:list|tasks|todos|to-dos)|without "
    r"asking.*|now|again|already|(?<!due )(?<!for )today|yesterday|too|as well|completely|entirely|"
    r"forever|for good|instead)$",
    re.IGNORECASE,
)
_HEAD = re.compile(
    rf"(?:(?:the|my|that|this|a|an|your|old|whole)\s+)*(?:{lexicon.NOUN}\s+)?(?:(?:called|named|titled|about|"
    rf"which says|that says|for|to|with the title)\s+)?",
    re.IGNORECASE,
)
_TAIL = re.compile(rf"\s+(?:one|{lexicon.NOUN}|please)$", re.IGNORECASE)
_NOTHING = re.compile(
    rf"(?:(?:a|an|one|some|any|another|the|my|of)\s+)*(?:{lexicon.NOUN}|one|something|some)?", re.IGNORECASE
)


def resolve(text: str, known: Knowledge) -> Reference:
    """Return which tasks a text means."""
    text = text.strip(" .,!?:;")
    for _ in range(3):
        text = _OFF.sub("", text).strip(" .,!?:;")
    quoted = normalise.unquoted(text)
    if quoted != text:
        return _titled(quoted, known)
    if _NOTHING.fullmatch(text):
        return Reference()
    exact = titles.named(text, known.tasks)
    if exact.tasks and not text.isdigit():
        return _chosen(exact, known)
    for read in (_numbered, _pronoun, _placed, _grouped):
        found = read(text, known)
        if found:
            return found
    return _listed(text, known)


def numbers(text: str) -> list[int]:
    """Return the task numbers a text consists of, in their order; empty if it says anything else."""
    text = re.sub(
        rf"\b((?:tasks?|number|item)\s+)({'|'.join(lexicon.NUMBERS)})\b",
        lambda match: match[1] + str(lexicon.NUMBERS[match[2].lower()]),
        text,
        flags=re.IGNORECASE,
    )
    if not _NUMBERS.fullmatch(text):
        return []
    found: list[int] = []
    text = re.sub(r"\b(?:tasks?|todos?|items?|numbers?|nos?\.?|nrs?\.?|ids?)\b|#", "", text, flags=re.IGNORECASE)
    for match in re.finditer(rf"{_RANGE.pattern}|(\d{{1,25}})", text, re.IGNORECASE):
        if match[3]:
            found.append(int(match[3]))
        elif int(match[1]) < int(match[2]) <= int(match[1]) + 200:
            found.extend(range(int(match[1]), int(match[2]) + 1))
        else:
            found.extend((int(match[1]), int(match[2])))
    return list(dict.fromkeys(found))


def _numbered(text: str, known: Knowledge) -> Reference | None:
    found = numbers(text)
    if not found:
        return None
    own = known.ids()
    there = tuple(number for number in found if number in own)
    ranged = bool(_RANGE.search(text))
    missing = tuple(f"#{number}" for number in found if number not in own and not (ranged and there))
    return Reference(
        there,
        "number",
        missing=tuple(name if len(name) <= len(str(LARGEST_ID)) + 1 else name[:12] + "\u2026" for name in missing),
    )


def _pronoun(text: str, known: Knowledge) -> Reference | None:
    own = known.ids()
    if _IT.fullmatch(text):
        gone = tuple(f"#{number}" for number in known.state.it if number not in own)
        there = tuple(number for number in known.state.it if number in own)
        if len(there) > 1:
            return Reference(options=there, how="it")
        return Reference(there, "it" if there or gone else "nothing", missing=gone if not there else ())
    if _THEM.fullmatch(text):
        there = tuple(number for number in known.state.it or known.state.shown if number in own)
        return Reference(there, "it" if there else "nothing")
    return None


def _placed(text: str, known: Knowledge) -> Reference | None:
    match = _PLACE.fullmatch(text)
    if not match:
        return None
    own = known.ids()
    listed = [number for number in known.state.shown if number in own] or [task.id for task in known.likely()]
    at = lexicon.ORDINALS[match["place"].lower()]
    word = (match["count"] or "one").lower()
    count = lexicon.NUMBERS.get(word) or (int(word) if word.isdigit() else 1)
    chosen = listed[at : at + count] if at >= 0 else listed[-count:]
    return Reference(tuple(chosen), "place", missing=() if chosen else (text,))


def _grouped(text: str, known: Knowledge) -> Reference | None:
    parts = groups.EXCEPT.split(text, maxsplit=1)
    match = groups.GROUP.fullmatch(parts[0])
    if not match:
        return None
    group = groups.select(f"{match['rest'] or ''} {match['after'] or ''}", known)
    plural = bool(match["all"]) or (match["noun"] or "").lower() in {
        "tasks",
        "todos",
        "to-dos",
        "items",
        "ones",
        "list",
        "things",
        "stuff",
        "reminders",
        "entries",
        "chores",
    }
    named = bool((match["rest"] or "").strip())
    if group is None or not (plural or (named and match["noun"] is None and groups.only_state(match["rest"]))):
        return None
    if match["about"]:
        there = {task.id for task in titles.like(match["about"], group, loosely=False).tasks}
        group = [task for task in group if task.id in there]
    if len(parts) > 1:
        left_out = resolve(parts[1], known)
        if not left_out.ids:
            return Reference(options=left_out.options, missing=(parts[1],))
        group = [task for task in group if task.id not in left_out.ids]
    return Reference(tuple(task.id for task in group), "group")


def _listed(text: str, known: Knowledge) -> Reference:
    """One title, or several between commas and "and"."""
    one = _titled(text, known)
    parts = [part for part in re.split(r"\s*(?:,\s*and\b|,|&|;|\band\b)\s*", text, flags=re.IGNORECASE) if part]
    if one.ids or one.options or not 1 < len(parts) <= 20:
        return one
    found = [_numbered(part, known) or _titled(part, known) for part in parts]
    if any(each.missing for each in found) and not any(each.ids for each in found):
        return one
    options = next((each.options for each in found if each.options), ())
    return Reference(
        tuple(dict.fromkeys(number for each in found for number in each.ids)) if not options else (),
        "words" if any(each.how == "words" for each in found) else "title",
        options,
        tuple(missing for each in found for missing in each.missing),
    )


def _titled(text: str, known: Knowledge) -> Reference:
    exact = titles.named(text, known.tasks)
    if exact.tasks:
        return _chosen(exact, known)
    bare = _HEAD.sub("", text, count=1) if _HEAD.match(text) else text
    quoted = normalise.unquoted(bare)
    exact = titles.named(quoted, known.tasks)
    if exact.tasks:
        return _chosen(exact, known)
    found = titles.like(_TAIL.sub("", quoted), known.tasks)
    return _chosen(found, known) if found.tasks else Reference(missing=(quoted or text,), how="words")


def _chosen(found: titles.Found, known: Knowledge) -> Reference:
    likely = {task.id for task in known.likely()}
    tasks = [task for task in found.tasks if task.id in likely] or list(found.tasks)
    if len(tasks) == 1:
        return Reference((tasks[0].id,), "title" if found.exact else "words")
    return Reference(options=tuple(task.id for task in tasks), how="title" if found.exact else "words")
