"""Talk around the list: hello, thanks, help, yes and no; and what only looks like an order."""

import re

from app.backend.assistants.rules import lexicon
from app.backend.assistants.rules.wishes import Intent

_I = re.IGNORECASE
_SYMBOLS = re.compile(r"[^\w\s'?+#/-]+")
_GREET = re.compile(
    r"(?:hi|hiya|hello|hey|heya|yo|howdy|greetings|sup|what'?s up|good (?:morning|afternoon|evening|day|night)"
    r"|morning|evening|bye|goodbye|good bye|bye bye|see (?:you|ya)(?: (?:later|soon|tomorrow))?|later|cya|"
    r"take care|how are you(?: doing)?(?: today)?|how'?s it going|nice to meet you|hola)(?: (?:there|"
    r"you|all|everyone|bot|assistant|again|to you|today|for now|how are you(?: doing)?(?: today)?))*\??",
    _I,
)
_THANKS = re.compile(
    r"(?:(?:ok|okay|oh|great|cool|perfect|nice|awesome|super|very|well|that'?s|many|alright|good|wonderful|"
    r"excellent|brilliant|lovely|amazing|sweet|fantastic|got it)\s*)*(?:thanks|thank you|thank u|thx|ty|"
    r"cheers|tysm|much appreciated|appreciate it|i appreciate it|you(?:'re| are) (?:the best|great|"
    r"awesome)|good job|well done|good bot)(?: (?:a lot|so much|very much|a bunch|again|for "
    r".{1,40}|you|a million|all|mate|man|buddy))*"
    r"|(?:great|cool|perfect|nice|awesome|super|wonderful|excellent|brilliant|lovely|amazing|good|sweet|"
    r"fantastic|got it|sounds good|alright|ok|okay|nice one|love it)(?: (?:great|cool|perfect|nice|work|job|one))*",
    _I,
)
_HELP = re.compile(
    r"\?+|(?:help|halp|commands?|usage|manual|instructions|menu|options|examples?)(?: me)?(?: out)?(?: please)"
    r"?\??|i need (?:some )?help|(?:can|could) (?:you|u) help(?: me)?(?: out)?\??|help me (?:out|use this|"
    r"with this)|"
    r"(?:what|which) (?:can|do|could) (?:you|i) (?:do|say|ask|type|understand|know|help(?: me)? with)(?: here|"
    r" to you| you)?(?: for me)?\??|what (?:are|is) (?:the|your) (?:commands?|options|features|"
    r"capabilities|purpose)\??|what else can you do\??|"
    r"what commands (?:are there|do you (?:know|have|understand))\??|(?:who|what) (?:are|r) (?:you|u)\??|what "
    r"is this\??|what's this\??|"
    r"how (?:do|does|can|could|would|should|to|am)\b(?! (?:i|you|we) feel).{0,200}|show (?:me )?(?:the )"
    r"?(?:help|commands|examples)|i(?:'m| am) (?:lost|confused|stuck)|i don'?t (?:understand|know what to "
    r"(?:do|say))",
    _I,
)
_CANCEL = re.compile(
    r"(?:never ?mind|nvm|nevermind|forget (?:it|that|about it)|cancel(?: that| it)?|stop(?: it| that)?|abort|"
    r"leave it|drop it|skip(?: it)?|nothing|no ?thing|quit|exit|not now|wait|hold on|let it be)(?: then| "
    r"please| thanks)?",
    _I,
)
_NO_WORDS = lexicon.word_set("""
    no nope nah n nay neither none nothing cancel stop don't dont not wait never nevermind nvm mind keep hold on it
    them that those of these forget leave abort thanks thank you please way thx do delete remove erase any all sure
    be alone as is everything skip quit rather better now yet actually i want to changed my second sorry oh the task
    tasks hell absolutely nooo noo negative back off let either both
""")
_NO_START = lexicon.word_set("""
    no nope nah n nay neither none nothing cancel stop don't dont not wait never nevermind nvm keep hold forget
    leave abort skip quit rather negative absolutely noo nooo actually
""")
_YES_WORDS = lexicon.word_set("""
    yes y yep yeah yup ya yea yess sure ok okay k kk confirm confirmed confirming affirmative absolutely definitely
    certainly of course do it go ahead right correct please pls that them those delete remove erase all fine sounds
    good thanks i am i'm am both add alright exactly indeed is totally yo now for it's the thank you proceed aye
    okey everything want to agree agreed
""")
_YES_START = lexicon.word_set("""
    yes y yep yeah yup ya yea yess sure ok okay k kk confirm confirmed affirmative absolutely definitely certainly
    of do go right correct please fine sounds alright exactly indeed totally proceed aye okey agreed
""")
_YES_SIGNS = frozenset("\U0001f44d\u2705\U0001f44c\U0001f197\u2714\U0001f64b")
_NO_SIGNS = frozenset("\U0001f44e\u274c\u26d4\U0001f6d1\u2716")
_ASKING = re.compile(
    r"(?:did|should|shall|why|what happens|what if|what would|if|when|whenever|who|whose|will|would it|does|"
    r"has|had|could it|may|must i|do you|do i really|is it|are you|were|was|have you|what did you|where did)\b",
    _I,
)
_NOT = re.compile(
    r"(?:(?:no|ok|okay|wait|but|and|please|pls|you|i|we)[,.!]?\s+)*(?:(?:do not|don't|dont|don t|never|not|"
    r"shouldn't|should not|must not|mustn't|cannot|can't|won't|wouldn't|would not|better not|"
    r"(?:do not|don't|dont|didn't|did not|never) (?:want|wanna|wish|ask|tell|need)(?:ed)?(?: you)?(?: to)?|no "
    r"need (?:for you )?to|there's no need to|refuse to|rather not|instead of|stop|without|avoid|refrain "
    r"from|by no means|under no circumstances)"
    r"\s+(?:ever |actually |really |yet |you |to |want to |please |just |be |go and |touch or )*)+"
    rf"(?:{lexicon.DESTROY}|delet\w+|remov\w+|eras\w+|clear\w+|complet\w+|finish|mark|tick|check|close|add|"
    rf"adding|create|rename|change|update|move|postpone|edit|touch|reopen|undo|set|show|list|do|lose)\b.*",
    _I | re.DOTALL,
)


def _bare(text: str) -> str:
    return " ".join(_SYMBOLS.sub(" ", text).split())


def small(text: str) -> Intent | None:
    """Return which small talk a text is, all of it: greet, thanks, help or cancel."""
    bare = _bare(text) if len(text) < 400 else ""
    if not bare:
        return None
    for intent, pattern in (("cancel", _CANCEL), ("help", _HELP), ("greet", _GREET), ("thanks", _THANKS)):
        if pattern.fullmatch(bare):
            return intent  # type: ignore[return-value]  # one of the four
    return None


def asks_only(text: str) -> bool:
    """Tell whether a text asks about something, or supposes it, and so orders nothing."""
    return bool(_ASKING.match(text))


def negated(text: str) -> bool:
    """Tell whether a text says what not to do."""
    return bool(_NOT.match(text))


def yes(text: str) -> bool:
    """Tell whether a text says yes, and nothing that could change what it says yes to."""
    text = text.strip().lower()
    if len(text) > 80:
        return False
    words = re.findall(r"[\w']+", text)
    if not words:
        return bool(set(text) & _YES_SIGNS) and not set(text) & _NO_SIGNS
    return words[0] in _YES_START and all(word in _YES_WORDS for word in words) and not set(text) & (_NO_SIGNS | {"?"})


def no(text: str) -> bool:
    """Tell whether a text says no, and nothing else."""
    text = text.strip().lower()
    if len(text) > 80:
        return False
    words = re.findall(r"[\w']+", text)
    if not words:
        return bool(set(text) & _NO_SIGNS)
    return words[0] in _NO_START and all(word in _NO_WORDS for word in words)
