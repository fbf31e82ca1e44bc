"""How people speak of it, as patterns over plain words (`words.plain`): no capitals, apostrophes or punctuation."""

import re

_SELF = r"(?:myself|me self)"
# "I", and words that say nothing of what is done: "I just want to be able to".
_I = (
    r"\bi(?:m|d|ll|ve)?(?: (?:am|would|will|have|had|do|dont|not|just|really|so|badly|only|simply|still|often|"
    r"sometimes|always|kind|kinda|sort|sorta|of|literally|actually|honestly|want|wanted|wanna|wish|wished|wnat|wan|to|"
    r"too|like|love|rather|could|can|cannot|cant|wait|should|must|might|may|need|needed|going|gonna|gotta|got|about|"
    r"ready|think|thinking|deserve|feel|feeling|hope|hoping|plan|planning|decided|trying|tried|try|be|being|better|as|"
    r"well|now|today|tonight|tomorrow|pray|also|it|if|that|i|im|was|were|more|than|anything|ever|never|and|prefer|"
    r"much|hate|myself|life|my|all|quickly|soon|finally|please|keep)){0,10}"
)
# How a task is asked for: the whole of the text before it.
_ASKED = (
    r"^(?:(?:please|pls|hey|ok|can|could|you|remind|me|add|create|new|a|the|task|todo|item|reminder|schedule|note|my|"
    r"list|on|to|put|remember|dont|let|forget|i|we|want|wanna|need|have|has|got|gotta|must|should|will|would|like|"
    r"just|really|time|ready|today|tomorrow|tonight|now|and|then|also|rename|change|number|is|it|so|called|urgent|"
    r"with|high|priority|im|going|gonna|\d+) )*"
)
_AFTER_DIE = (
    r"(?=$| (?:now|today|tonight|tomorrow|soon|already|alone|too|please|so|really|badly|and|or|but|because|by|at|this "
    r"(?:week|weekend|month|year|morning|evening|afternoon)|next|before|after|young|anymore|any|instead|rather|like|"
    r"right|quickly|peacefully|painlessly|here|someday|sometimes|again|forever|on (?:my list|mon|tue|wed|thu|fri|sat|"
    r"sun)|to (?:my|the) list|if|when|i|than|myself|high|low|urgent|in (?:my sleep|peace|\d|an?))\b)"
)
# What makes something else of "die": dye, a film, a figure of speech.
_NOT_DIE = (
    r"(?! (?:my|your|his|her|the|these|those|some|a|an|it|our|their|eggs|hair|clothes|fabric|wool|cut|cutter|casts?|"
    r"casting|hard|for|laughing|on (?:this|that|the) hill|inside|of|from|to see|to know|to try|to get|to meet|to "
    r"hear)\b)"
)
_DIE = rf"(?:die|dei|diee|dye|dying(?! to\b)){_NOT_DIE}"
_PERSON = (
    r"\b(?:friend|son|daughter|mom|mum|mommy|mother|dad|father|brother|sister|husband|wife|partner|boyfriend|"
    r"girlfriend|child|kid|roommate|colleague|neighbou?r|cousin|aunt|uncle|grandma|grandpa|student|he|she|somebody|"
    r"someone)(?: \w+){0,6} "
)
_ON_THE_WAY = (
    r"(?:want|wants|wanted|wanna|need|going|gonna|will|might|should|could|must|have|plan|planning|ll|keep|like|love|"
    r"thinking|deserve|urge|remind|add|todo|task|about|then|stop|been|start|started|again|ill|ive)"
)

_OWN_HAND = (
    (
        r"\b(?:kill|kills|killing|killed|hang|hanging|drown|drowning|poison|poisoning|stab|stabbing|strangle|"
        r"strangling|"
        rf"suffocate|murder|murdering|unalive|unaliving|shoot|shooting|harm|harming|harmed|mutilate|electrocute) "
        rf"{_SELF}"
        r"(?! (?:in (?:the foot|work|coffee|chocolate)|a |an |some |out to dry))"
    ),
    rf"\b(?:end|ending|off|offing|top|starve|starving) {_SELF}\b|\bfinish(?:ing)? {_SELF} off\b",
    r"^(?:please |just |somebody |someone )*kill me(?: (?:now|already|please|pls|plz))*$",
    r"\b(?:plan|planning|planned|want|arrange) my (?:own )?death\b",
    (
        r"\b(?:drink|swallow|drinking) (?:\w+ )?(?:bleach|antifreeze|poison|drain cleaner|rat poison)\b|\bbleed "
        r"(?:out|to death)\b"
    ),
    r"\bsewer ?slide\b|\btoaster bath\b",
    r"\b(?:call|text|dial|ring|phone) 988\b|\b(?:suicide|crisis|samaritans) ?(?:hot|help|life)? ?line\b",
    (
        rf"\b(?:relapsed|again)\b.* (?:cut|cutting|hurt|burned) {_SELF}\b|^(?:i |im |ive )?(?:have |am )?(?:started |"
        rf"been )?cutting again$"
    ),
    r"\b(?:pills?|tablets|meds) (?:\w+ ){0,6}(?:die|kill (?:me|you|myself))\b",
    r"\b(?:kill|killing|harm|harming|hang|hanging) (?:yourself|oneself|ourselves)\b",
    (
        rf"\b{_ON_THE_WAY} (?:\w+ ){{0,4}}?(?:hurt|hurting|cut|cutting|burn|burning) {_SELF}\b"
        r"(?! (?:some|a|an|off|out|on|while|when|loose|free|short|shaving|cooking|at|with the|by accident)\b)"
    ),
    rf"^i (?:just )?(?:hurt|cut|burn|burned|ve cut) {_SELF}(?: (?:again|on purpose|today|tonight|last night))*$",
    rf"^(?:hurt|cut|cutting|hurting|burn) {_SELF}$",
    (
        r"\b(?:slit|slitting|cut|cutting|slash|open) (?:my |the )?(?:own )?(?:wrists?|veins)\b|\b(?:slit|cut) my "
        r"(?:own )?throat\b"
    ),
    (
        r"\b(?:end|ending|ended|finish|take|taking|took|taken) my (?:own )?life\b(?! (?:insurance|assurance|coach\w*|"
        r"cover|science|member\w*|back|to|in|into|seriously|for granted|time|savings|raft|jacket|drawing|cycle|policy|"
        r"lessons?|story))"
    ),
    rf"\b(?:end|ending) it all\b|{_I} end it(?=$| (?:tonight|today|now|soon|forever|tomorrow|here)\b)",
    rf"^i (?:\w+ )?(?:cut|burn|hurt) {_SELF} when i (?:am|feel|get)\b",
    r"\bnoose\b|\b(?:lethal|fatal|deadly) (?:dose|overdose|amount)\b",
    (
        r"(?<!virgin )\b(?:suicide|suicides|suicidal|suicidally)\b(?! (?:squad|squeeze|doors?|rates?|statistics|"
        r"bomb\w*|prevention|awareness|research|stud(?:y|ies)|silence|king|hedge|essay|barrier))"
    ),
    r"\bself ?(?:harm|harming|harmed|harms|injury|injure|mutilat\w+)\b(?! (?:awareness|policy|training|research))",
    r"\bunalive (?:me|myself|himself|herself)\b",
    r"(?:^|\b(?:i|im|ill|id|to|gonna|wanna|want|should|just) (?:\w+ )?)kms$|^kys$",
    (
        r"(?<!bungee )(?<!base )\bjump(?:ing)? (?:off|from|out of|in front of|under) (?:a |an |the |my |this |that "
        r")?(?:bridge|roof|rooftop|building|cliff|balcony|window|train|bus|car|truck|subway|tower|skyscraper|"
        r"overpass)\b"
    ),
    (
        rf"(?:{_I} |{_ASKED})overdose\b(?! (?:awareness|training|kit|response|statistics))|\boverdose on (?:my |the |"
        rf"some )?(?:pill|med|tablet|painkiller|insulin|sleeping)"
    ),
    (
        r"\b(?:take|taking|swallow|eat) (?:all|the whole (?:bottle|box)) (?:of )?(?:my |the |these )?(?:pills?|"
        r"tablets|meds|medication|painkillers) (?:\w+ )?(?:at once|and (?:die|sleep|never)|to (?:die|end))"
    ),
)
_BE_DEAD = (
    rf"{_I} {_DIE}",
    rf"\bim (?:\w+ )?(?:going|gonna|ready|about|planning|just|so)(?: \w+)?(?: to)? {_DIE}",
    rf"{_ASKED}(?:die|dei|diee|dying){_AFTER_DIE}",
    r"\blet me (?:just |please )?die\b",
    rf"\bways? (?:\w+ )?to (?:\w+ )?(?:die|not exist)\b{_NOT_DIE}",
    rf"\bhow (?:do|can|could|should|would|to) (?:i |one )?(?:\w+ )?die\b{_NOT_DIE}",
    r"\b(?:want|wanna|wish|rather|prefer|like|hope|going|ready|well)(?: \w+){0,3} (?:be|was|were) dead\b",
    r"\bbetter off (?:dead|without me)\b",
    r"\bworld (?:\w+ ){0,3}better (?:off )?without me\b",
    (
        r"\b(?:nobody|no one|noone|who|anyone|anybody)(?: \w+){1,3} if i (?:die|died|am gone|was gone|were gone|was "
        r"dead|were dead|disappeared|vanished)\b"
    ),
    r"\bi (?:\w+ ){0,3}(?:never (?:been )?born|not (?:been )?born|wasnt born|werent born)\b",
    (
        r"\b(?:dont|do not|no longer|never|didnt|not|wouldnt|cant) (?:\w+ ){0,2}?(?:want|wanna|wish|wanted|care|"
        r"bear)(?: to)? (?:keep |go on |be )?(?:live|living|exist|existing|alive)(?=$| (?:anymore|any|like this|"
        r"without|in this world|on|today|tonight|tomorrow|but|and|because|either|at all|now|if|longer)\b)"
    ),
    (
        r"\b(?:dont|do not|no longer) (?:\w+ )?(?:want|wanna)(?: to)? be (?:here|around|on this (?:earth|planet)) any "
        r"?(?:more|longer)\b"
    ),
    (
        r"\b(?:no|any) (?:reason|point|will|use|sense) (?:left )?(?:to|in|for) (?:keep )?(?:live|living|going on|go "
        r"on|be alive|being alive|exist|existing|carry on)\b"
    ),
    r"\breasons? (?:left )?(?:to|for) (?:keep |go on |be )?(?:live|living|alive)\b",
    (
        r"\b(?:cant|cannot|can not) (?:\w+ )?(?:live|go on living|keep living)(?=$| (?:anymore|any|like this|on|with "
        r"(?:this|myself))\b)"
    ),
    (
        r"\b(?:want|wish|need|wanted) (?:\w+ )?(?:it|everything|this|it all|all of this|the pain|the suffering|all) "
        r"(?:all )?to (?:end|stop|be over|go away)(?: forever)?$"
    ),
    (
        r"\bdeath (?:would|will|is|seems|sounds|must)\b(?: be)?(?: like)?(?: a| the)? ?(?:relief|better|only|easier|"
        r"peace|peaceful|way|answer|nice|good)"
    ),
    (
        r"\b(?:think|thinking|thoughts|dream|dreaming|fantasi[sz]e) (?:\w+ )?(?:about|of) (?:my (?:own )?)?(?:death|"
        r"dying)\b"
    ),
    r"\b(?:done|finished|through) with (?:my )?(?:life|living|existence)\b(?! (?:insurance|admin|science|coach))",
    r"\bending (?:things|everything)(?! with)\b|\bend things forever\b",
    r"\b(?:dont|do not|doesnt|not) deserve to (?:live|be alive|exist|be here)\b",
    (
        r"\b(?:better|happier|easier|best) (?:\w+ ){0,2}?(?:if|when) (?:i|im) (?:died|disappeared|vanished|wasnt|"
        r"werent|(?:was|were|am)? ?(?:dead|gone|not (?:here|around|alive|there)))\b"
    ),
    r"\bnothing (?:\w+ )?(?:to )?live for\b",
    r"\blife (?:is not|isnt|is no longer|aint) worth\b|\bnot worth living\b",
    (
        r"\b(?:tired|sick|weary) (?:of|with) (?:living|life|being alive|existing)(?=$| (?:and|like this|i|anymore|any|"
        r"but|so|now)\b)"
    ),
    r"\bnever wake up\b|\b(?:dont|not|wouldnt|didnt|wont) (?:want to )?wake up (?:any ?more|again|ever)\b",
    r"\b(?:hope|wish|pray|want)(?: \w+){0,3} (?:dont|wouldnt|wont|not|didnt) wake up\b",
    r"\b(?:sleep|disappear|vanish|be gone) forever\b",
    r"\bgoodbye cruel world\b",
)
_SOMEBODY_ELSE = (
    (
        rf"{_PERSON}(?:kill|kills|killing|killed|hang|harm|harming|hurting|cutting) (?:himself|herself|themself|"
        rf"themselves)\b"
    ),
    rf"{_PERSON}(?:want|wants|wanted|going) to (?:die|be dead)\b{_NOT_DIE}",
    r"\b(?:end|ending|take|taking|took) (?:his|her|their) own li(?:fe|ves)\b|\b(?:end|ending) (?:his|her|their) life\b",
)
_ELSEWHERE = (
    r"\b(?:will|mochte|wollte|kann|muss) (?:\w+ ){0,2}(?:sterben|nicht mehr leben|tot sein)\b",
    (
        r"\bbringe? mich um\b|\bmich (?:selbst )?(?:umbringen|toten|ritzen|erhangen|aufhangen)\b|\bselbstmord\b|"
        r"\bsuizid\w*"
    ),
    r"\b(?:veux|voudrais|envie de) (?:\w+ )?mourir\b|\bme (?:suicider|tuer)\b",
    r"\b(?:quiero|quisiera) (?:\w+ )?(?:morir|morirme)\b|\b(?:matarme|suicidarme|suicidio|suicidar)\b",
    r"\b(?:voglio|vorrei) (?:\w+ )?(?:morire|uccidermi|ammazzarmi)\b|\b(?:quero|queria) (?:\w+ )?(?:morrer|me matar)\b",
)
PATTERNS = [re.compile(each) for each in (*_OWN_HAND, *_BE_DEAD, *_SOMEBODY_ELSE, *_ELSEWHERE)]
