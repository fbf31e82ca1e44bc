"""Feelings and conversation: what people say beside their list, and what to answer. None of it is a task.

"I have to …" and "I want to …" begin tasks, too. What follows decides: "I have to go to the dentist" is one, "I have to
go now, bye" is not. Whoever wants such words on the list says "add …" or "remind me to …", and is taken at their word.
"""

import re

from app.backend.assistants.rules import lexicon

DOWN = (
    "I am sorry to hear that. I can only keep your list, but you do not have to carry this alone: talk to someone "
    "you trust, or find a helpline in your country at findahelpline.com."
)
WEARY = "That sounds hard. Take care of yourself; your list can wait."
UP = "I am glad to hear that!"
LEAVING = "Goodbye! Your list will be here when you come back."
THANKS = "You're welcome."
SORRY = "That is quite all right."
LISTENING = 'I hear you, but all I can do is keep your list. If there is something to do, say "add" and what it is.'

_SYMBOLS = re.compile(r"[^\w\s']+")
_LONGEST = 300  # characters

_SO = (
    r"(?: (?:so|very|really|just|a bit|a little|feeling|kind of|kinda|pretty|too|still|always|all|totally|quite|such))*"
)
_IM = (
    r"(?:(?:i think |i guess |maybe )?"
    rf"(?:i'm|i am|im|i feel|i've been|i have been|i was|feeling|i'm feeling|i am feeling){_SO}(?: a| an| like a)?)"
)
_WANT = (
    r"(?:(?:ok|okay|well|sorry|but|now|anyway|oh|and) )*(?:(?:i|we)(?:'d| would|'ll| will|'ve)?(?: (?:really|just|"
    r"also|still|so|only|do|always|kind of|would))* )?(?:want|wanted|wanna|wish|need|needed|have|had|like|love|must|"
    r"should|ought|gotta|got|better|could|may|might)(?: (?:really|just))*(?: to|ta)?(?: (?:really|just))*"
)
_BYE = (
    r"(?: (?:now|soon|then|sorry|though|already|today|here|offline|bye|bye bye|goodbye|see (?:you|ya)|cya|later|good "
    r"?night|night|take care|talk (?:to you )?(?:later|soon|tomorrow)|tomorrow|thanks|thank you|for (?:now|today)|"
    r"have a \w+ \w+|everyone|all))*"
)
_DONE = (
    r"(?:\w+ed|known|been|gone|done|left|said|told|won|had|made|got|gotten|thought|bought|taken|seen|come|put|kept|"
    r"met|paid|sent|slept|spent|lost|found|brought|caught|taught|felt|heard|held|let|sat|stood|understood|written|"
    r"worn|run|begun|forgotten|forgiven|given|driven|eaten|fallen|chosen|broken|spoken|stolen|woken|shown|grown|"
    r"thrown|hit|cut|quit|read|meant|learnt|built|never|always|just|not)"
)
_SAD = (
    r"(?:sad|down|depressed|lonely|alone|hopeless|worthless|useless|helpless|miserable|unhappy|heartbroken|empty|numb|"
    r"broken|devastated|desperate|overwhelmed|ashamed|grieving|unloved|hated|lost|failure|loser|burden|nobody|nothing|"
    r"blue|low|awful|terrible|horrible|crushed|in pain|suffering|crying|at the end)"
)
_TIRED = (
    r"(?:tired|exhausted|stressed|worn out|burned out|burnt out|drained|sleepy|sick|ill|unwell|hungry|bored|angry|mad|"
    r"furious|annoyed|frustrated|upset|anxious|nervous|worried|scared|afraid|busy|confused|cold|jealous|disappointed|"
    r"hungover|dizzy|under pressure|fed up)"
)
_GLAD = (
    r"(?:happy|glad|great|good|fine|ok|okay|well|excited|proud|grateful|thankful|in love|relieved|blessed|delighted|"
    r"lucky|better|awesome|amazing|fantastic|wonderful|thrilled|content|relaxed|calm)"
)
_KIN = (
    r"(?:mom|mum|mother|dad|father|grandma|grandmother|grandpa|grandfather|gran|nan|brother|sister|son|daughter|wife|"
    r"husband|partner|friend|best friend|uncle|aunt|cousin|dog|cat|pet|hamster|rabbit|horse|bird|baby|boyfriend|"
    r"girlfriend|ex|family|boss|colleague|neighbou?r)"
)
_ASKED_FOR = (
    r"(?:hug|hugs|friend|friends|someone|somebody|you|love|break|vacation|holiday|drink|coffee|nap|rest|sleep|minute|"
    r"moment|miracle|change|win|life|money|space|time|air|beer|wine|pony|mom|mum|dad|mommy|company|peace|quiet|"
    r"silence|hope|comfort|support|advice|therapy|therapist|motivation|energy|chocolate|cuddle|distraction|day off|"
    r"cigarette)"
)

_TABLE = (
    (THANKS, (
        rf"{_WANT} (?:say )?(?:thank|thanks)(?: you| u| ya)?(?: (?:to you|for .+|so much|again|very much|a lot))*",
    )),
    (SORRY, (r"(?:i'm |i am |im )?(?:so |very |really )*sorry(?: (?:about|for) (?:that|this|it))?",
        rf"{_WANT} (?:say (?:i'm )?sorry|apologi[sz]e)(?: to you)?",)),
    (LEAVING, (
        (rf"{_WANT} (?:go|run|leave|get going|be going|head out|head off|head home|get home|dash|be off|log off|"
        rf"sign off|sleep|go to (?:bed|sleep)|get some sleep|hang up|get back to work){_BYE}"),
        (rf"(?:i'm|i am|im) (?:off|going|leaving|out|going to (?:bed|sleep)|off to bed|heading out|heading home|"
        rf"heading to bed|done for today){_BYE}"),
        rf"(?:i'll|i will|ill) (?:be|go|come) (?:right )?(?:back|gone|off|away|there|going){_BYE}",
        (r"(?:i'm|i am|im) going home|(?:catch|see|talk to) (?:you|ya) (?:later|around|soon|tomorrow)|have a (?:nice|"
        r"good|great|lovely) .+|"
        rf"(?:it was |it's been |it is )?(?:nice|good|great) (?:talking|chatting|meeting|to talk|speaking)(?: (?:to|"
        rf"with))? you{_BYE}|good luck"),
        (rf"(?:bye|goodbye|talk (?:to you )?(?:later|soon|tomorrow)|ttyl|brb|gtg|g2g|afk|good night|until (?:later|"
        rf"tomorrow|next time)){_BYE}"),
    )),
    (DOWN, (
        rf"{_IM} {_SAD}(?: .*)?",
        r"i (?:really )?hate (?:myself|my life|everything|being me)(?: .*)?",
        (r"i (?:can't|cannot|cant|can not)(?: \w+)? (?:take|do|cope|go|handle|stand|bear|live)(?: (?:with|it|this|"
        r"that|on|like|all|of|much|anymore|any|more|longer))*"),
        (r"(?:everything|it|this|life|all of this) (?:is|feels|'s)?\s?(?:all )?(?:just )?(?:too much|hopeless|"
        r"pointless|meaningless|falling apart|so hard|horrible|unfair)(?: .*)?"),
        (r"(?:nobody|no one|no-one|everyone|everybody|they all) (?:likes?|loves?|hates?|cares?|understands?|needs?|"
        r"wants?|leaves?|ignores?)(?: .*)?"),
        (rf"my (?:\w+ )?{_KIN} (?:has |just |have )*(?:died|passed away|passed|is dead|is dying|left me|is gone)(?: "
        rf".*)?"),
        r"i (?:just |have )?lost my (?:job|home|house|baby|" + _KIN[3:-1] + r")(?: .*)?",
        (r"i (?:just )?(?:got|was|have been|am getting) (?:fired|laid off|dumped|divorced|bullied|robbed|"
        r"evicted)(?: .*)?"),
        r"(?:we|they) (?:just )?(?:broke up|split up|divorced)(?: .*)?|(?:he|she|they) (?:left|dumped) me(?: .*)?",
        (rf"{_WANT} (?:cry|scream|yell|give up|disappear|hide|run away|be (?:left )?alone|vanish|be loved|quit|stay "
        rf"in bed)"
        r"(?: (?:so badly|badly|now|right now|all day|from everything|again|a little|a bit|in bed))*"),
        rf"{_WANT} (?:a |some )?(?:someone|somebody|friend|therapist|anyone)(?: to talk to| to listen| who .+)?",
        rf"{_WANT} (?:talk|speak)(?: to| with) (?:someone|somebody|anyone|anybody)(?: .*)?",
        r"i don'?t (?:know|see) (?:what to do|how to go on|a way out|where to turn)(?: .*)?",
        r"i (?:really )?miss (?:my |him|her|them|you)(?:.*)?",
        r"my heart (?:is broken|aches|hurts|is breaking)(?: .*)?",
        (r"(?:i feel|feeling) like (?:crap|shit|hell|trash|garbage|nobody|nothing|a .+)|i(?:'m| am) in a (?:bad|"
        r"terrible|awful) mood(?: .*)?"),
        r"(?:i|we) (?:just )?(?:failed|flunked) (?:my|the|our|an?) .+",
        r"i have no (?:friends|hope|one|future|energy left)(?: .*)?",
    )),
    (UP, (
        (rf"{_IM} {_GLAD}(?: (?:today|now|again|about .+|that .+|for .+|of .+|to be .+|you|and you|too|thanks|thank "
        rf"you|tonight|this .+|with .+))*"),
        (r"(?:i (?:had|am having|have had) (?:a |an |such a |the )|today (?:was|is) (?:a |an )?)(?:really |very |so "
        r")*(?:great|good|wonderful|nice|amazing|fantastic|perfect|lovely|best)(?: .*)?"),
        r"i (?:really |do |also |think i )*(?:love|like|adore) (?:you|this|it|that|my life|this app)(?: .*)?",
        (r"(?:it's|it is|today is) my birthday(?: .*)?|i (?:got|found) (?:the|a new) job(?: .*)?|i (?:just )?got "
        r"(?:married|engaged|promoted)(?: .*)?"),
        r"(?:you(?:'re| are)|u r|ur)(?: \w+){1,6}",
    )),
    (WEARY, (
        rf"{_IM} {_TIRED}(?: .*)?",
        (r"i (?:had|am having|have had) (?:a |an |such a )?(?:really |very |so )*(?:bad|terrible|awful|hard|long|"
        r"rough|horrible|tough|stressful)(?: .*)?"),
        (r"(?:today|yesterday|this (?:day|week)|the day|work|it|my day) (?:was|is|has been) (?:so |really |very |"
        r"such )*(?:a )?(?:terrible|bad|awful|hard|long|rough|horrible|exhausting|stressful|tough|boring)(?: .*)?"),
        (r"i have (?:a |an |the |no |such a |some )*(?:headache|fever|cold|flu|migraine|hangover|energy|motivation|"
        r"pain|stomach ?ache|cough|sore throat|bad feeling)(?: .*)?"),
        (r"i (?:can't|cannot|cant|couldn't) (?:sleep|eat|breathe|focus|concentrate|think|stop crying)(?: .*)?|i've "
        r"had enough(?: .*)?|(?:i'm|i am|im) so done(?: .*)?"),
        r"i (?:really )?(?:hate|can't stand|dislike|am sick of) (?!to ).{2,60}",
        (r"i (?:don't|dont|do not) (?:feel (?:like|well|good|so good)|want to (?:get up|work|go to (?:work|school|"
        r"bed)|do anything|move|leave))(?: .*)?"),
        (rf"{_WANT} (?:rest|relax|calm down|breathe|breath|feel (?:better|good|less \w+|safe|normal|alive|happy|loved)|"
        r"throw up|puke|vomit|pee|poop|sneeze|punch .+|hit (?:something|someone|a wall)|break something|go home|go "
        r"back in time|catch my breath|get out of here|find myself|live|survive|be free|stop (?:crying|worrying|"
        r"thinking|feeling .+)|eat something|laugh)(?: (?:now|first|again|so badly|right now))*"),
    )),
    (LISTENING, (
        (rf"(?:{_WANT}|i could use)(?: a| an| some| more| my| your| the| another| just| for)* {_ASKED_FOR}(?: (?:so "
        rf"badly|right now|now|"
        r"badly|please|today|too|from .+|of my own))*"),
        (rf"{_WANT} (?:talk|chat|vent|complain|understand|joke|know|think|wait|see|dream)(?: (?:to you|with you|about "
        rf"it|"
        r"if|how|you|that|it|this|a bit|now|a little|why|what|whether|more)\b.*)?"),
        (rf"{_WANT} (?:tell|ask|hug|kiss|marry|love|like|trust|believe|understand|know|hate|help|meet|congratulate|"
        rf"warn|"
        r"show|see|forgive|annoy|bother) (?:you|u)\b(?: .*)?"),
        rf"{_WANT} say (?:hello|hi|hey|goodbye|bye|something|nothing|no more)(?: to you)?",
        (rf"{_WANT} (?:say|admit|confess|agree|disagree|believe|imagine|assume|think|hope)(?: (?:that|you|i|it|this|"
        rf"it's|he|"
        r"she|they|we|the|your|so|with|not|there)\b.*)?"),
        rf"{_WANT} be (?!at\b|in\b|on\b|there\b|home\b|up\b|ready\b|back\b|by\b|early\b|punctual\b).+",
        (r"(?:i|we) (?:want|need|would like|wish) (?:you|him|her|them|it|everyone|people|everybody) to "
        rf"(?!{lexicon.COMMAND}\b).+"),
        (r"(?:i|we|you|he|she|it|they)(?:'d)? (?:really |probably )*(?:should|must|could|would|might|may|ought "
        r"to)(?:n't| "
        rf"not)?(?:'ve|ve| have| of) {_DONE}\b.*"),
        (r"(?:i|we) wish .+|(?:please )?(?:(?:can|could|may) i (?:get|have)|give me|hug) (?:a |an |me|some )?(?:hug|"
        r"hugs|kiss|cuddle|love)?|not bad|and you|(?:i|we) (?:want|need|would like|'d like)(?: someone| somebody| "
        r"anyone) to .+"),
        (r"(?:do|did|can|would|will|could) you (?:ever )?(?:love|like|feel|dream|sleep|have (?:feelings|friends|a "
        r"\w+)|get (?:tired|bored|sad)|hate|miss|know me|understand me)\b.*|how (?:do|are) you feel(?:ing)?.*"),
        (r"(?:are|r) (?:you|u) (?:a |an |really |my )*(?:human|real|bot|robot|ai|alive|ok|okay|happy|sad|angry|mad|"
        r"there|person|friend|single|tired|bored)\b.*"),
        rf"(?:i|we) (?:had|wanted|needed|used|was going|were going|was about|hoped) to (?!{lexicon.COMMAND}\b).+",
        (r"(?:i'll|i will|ill|let me) (?:think (?:about|it over).*|see|try|wait|pass|manage|survive|be (?:fine|ok|"
        r"okay|late|good|there).*|never .+|miss .+|let you know.*)"),
        rf"{_WANT} be (?:fine|ok|okay|good|going|sleeping|working|happy|careful).*",
        (r"(?:lol|lmao|rofl|haha\w*|hehe\w*|hihi|xd|wow|omg|oh my god|oh no|oh well|hmm+|meh|ugh+|argh+|yay|woohoo|"
        r"whatever|interesting|really|seriously|no way|i see|i know|i guess|fair enough|true|right|exactly|never "
        r"?mind me|just kidding|jk)(?: (?:that|this|it|you|i|what|no|yes|ok|so|really|good|nice|funny|"
        r"cool)\b.{0,30})?"),
        (r"(?:that|this|it)(?:'s| is| was)(?: (?:so|very|really|pretty|too))* (?:funny|hilarious|cool|weird|strange|"
        r"sad|interesting|crazy|cute|sweet|ridiculous|stupid|boring|annoying|unfair)"),
    )),
)  # fmt: skip
_PATTERNS = tuple((reply, re.compile("|".join(patterns), re.IGNORECASE)) for reply, patterns in _TABLE)
_ORDERED = re.compile(
    r"(?:^|[,.;!?\n]|\b(?:and|so|then|but)\b)\s*(?:(?:and|so|then|please|can you|could you|also)\s+)*"
    rf"(?:{'|'.join(lexicon.COMMANDS)}|put|remember|todo|note|task|don'?t forget|reminder|i'?m done|i am done)\b",
    re.IGNORECASE,
)


def answer(text: str) -> str:
    """Return what to answer to a feeling or a piece of conversation, all of the text; empty if it is none."""
    if len(text) > _LONGEST or _ORDERED.search(text):
        return ""
    bare = " ".join(_SYMBOLS.sub(" ", text).split())
    return next((reply for reply, pattern in _PATTERNS if pattern.fullmatch(bare)), "")
