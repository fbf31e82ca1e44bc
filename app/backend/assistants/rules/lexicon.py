"""The words the rules know."""

import re


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


DESTROY = (
    r"(?:delete|remove|erase|trash|scrap|discard|purge|bin|axe|nuke|drop|cancel|kill|dump|wipe|clear|forget|get rid of|"
    r"throw (?:away|out)|empty|clean up|clean out|clear out|take)"
)
COMMANDS = (
    "add", "create", "list", "show", "display", "find", "search", "complete", "finish", "mark", "tick", "check",
    "close", "reopen", "uncomplete", "uncheck", "untick", "delete", "remove", "erase", "trash", "discard", "rename",
    "retitle", "change", "update", "edit", "move", "postpone", "reschedule", "snooze", "delay", "undo", "revert",
    "restore", "remind", "schedule", "prioritize", "prioritise", "deprioritize", "help",
)  # fmt: skip
COMMAND = (
    rf"(?:{'|'.join(COMMANDS)}|insert|put|view|see|get rid of|drop|cancel|clear|wipe|push|set|make|take|open|re-open|"
    r"cross|know|undo|scrap)"
)
TAKES_TITLE = re.compile(
    r"(?:add|create|new|insert|put|schedule|remind|remember|note|todo|to-do|rename|retitle|i |don't|jot|\+)",
    re.IGNORECASE,
)
"""How a message begins that carries words of the person's own, which stay as typed."""

SHORT_SLIPS = {
    "ad": "add", "addd": "add", "dd": "add", "aad": "add", "lsit": "list", "lits": "list", "litst": "list",
    "shwo": "show", "sohw": "show", "hsow": "show", "shw": "show", "makr": "mark", "mrak": "mark", "amrk": "mark",
    "mvoe": "move", "unod": "undo", "udno": "undo", "undoo": "undo", "hlep": "help", "halp": "help", "tcik": "tick",
    "fidn": "find", "eidt": "edit", "edlete": "delete", "dlete": "delete", "emove": "remove",
}  # fmt: skip
NO_SLIPS = word_set("""
    remote remover rewind deplete relate chance charge chances crate update dated adding removed deleted completed
    finished renamed moved marked shower shown mask mart mack lift lost lust shop shot chow love dove more mode most
    fine fund bind close closet clone loser trace trashy crash clear chick chuck thick ticket earlier finishes
    schedules listen listed changed marks checks moves adds shows lists finds
""")
"""English words one slip from a command, which they are not."""

SLIPS = {
    "doen": "done", "dnoe": "done", "donne": "done", "taks": "tasks", "tsak": "task", "tsaks": "tasks",
    "taskss": "tasks", "tassk": "task", "taask": "task", "tasls": "tasks", "priorty": "priority",
    "prioirty": "priority", "pirority": "priority", "priotity": "priority", "piority": "priority",
    "compelte": "complete", "complte": "complete", "compleet": "complete", "compelted": "completed",
    "completd": "completed", "complted": "completed", "comleted": "completed", "finsihed": "finished",
    "finised": "finished", "fnished": "finished", "overdeu": "overdue", "ovedue": "overdue", "pendng": "pending",
    "pednign": "pending", "todya": "today", "tday": "today", "todos": "todos", "urgnet": "urgent",
    "everyting": "everything", "evrything": "everything", "eveything": "everything", "lsit": "list", "ytask": "task",
}  # fmt: skip

VERBS = word_set("""
    answer apply arrange ask assemble attend back bake book borrow bring brush build buy call cancel change charge
    clean collect contact cook copy cut deliver design discuss do download draft draw drink drive dust eat email
    empty exercise explain feed file fill finalize find fix fold follow get give go grab grocery hang help hire
    install invite iron join learn lock look mail make measure meditate meet message mop mow order organise organize
    pack paint park pay phone pick plan plant play polish post practice practise prepare print promise publish
    purchase put read record recycle register rehearse renew rent repair replace reply report request research
    reserve return review ring run schedule sell send set sew share shop sign sort speak start stop store stretch
    study submit subscribe sweep take talk tell test text thank throw tidy train transfer try turn update upgrade
    upload vacuum visit walk wash watch water wipe wrap write
""")
"""Verbs that begin what people have to do: `buy bread`."""

PAST = {
    "bought": "buy", "paid": "pay", "wrote": "write", "written": "write", "made": "make", "sent": "send", "did": "do",
    "got": "get", "took": "take", "taken": "take", "read": "read", "met": "meet", "rang": "ring", "went": "go",
    "gave": "give", "spoke": "speak", "told": "tell", "fed": "feed", "found": "find", "brought": "bring",
    "drove": "drive", "ran": "run", "built": "build", "swept": "sweep", "hung": "hang", "sold": "sell", "put": "put",
    "cut": "cut", "set": "set", "ate": "eat", "drew": "draw", "learnt": "learn", "taught": "teach",
    "thought": "think", "left": "leave", "saw": "see",
}  # fmt: skip
"""Irregular past forms."""

STOP = word_set("""
    a an the my our your this that these those some any task tasks todo todos item items reminder one ones thing to
    for of on at in with about and please is be called named number off from me
""")
"""Words that tell no task from another."""

NUMBERS = {
    word: number
    for number, word in enumerate(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], start=1
    )
}
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_NUMBERED = ("1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th", "9th", "10th")
ORDINALS = {
    **{word: at for words in (_ORDINALS, _NUMBERED) for at, word in enumerate(words)},
    **dict.fromkeys(("last", "latest", "bottom", "newest", "final", "other"), -1),
    "top": 0,
}
"""Places in a list, from 0; -1 is its end."""

HIGH = r"(?:high(?:est)?|top|urgent(?:ly)?|important|critical|crucial|asap|p1)"
LOW = r"(?:low(?:est)?|unimportant|minor|p3)"
NORMAL = r"(?:normal|medium|regular|default|p2)"
NOUN = r"(?:tasks?|to-?dos?|to do items?|todo items?|items?|reminders?|things?|entry|entries|chores?)"
