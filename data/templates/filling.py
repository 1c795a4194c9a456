"""Words that say nothing, to put around a request: see :mod:`data.world.loose`. None is a word that only a held-out
wording has."""

_OPENINGS = """
get me | grab | circle | click on | tap on | spot | hunt for | search for | look out for | check for | focus on | zoom
in on | trace | who noticed | who took | somebody moved | hand me | pass me | fetch | bring me | frame | box in |
indicate | identify | detect | we lost | I dropped | I lost | she wants | he asked for | they need | next |
only | just | simply | wanted: | task: | target: | object: | do you know about | any idea about | what about | let us
look at | I wonder about | it would help to see | is it possible to spot | would you mind to find | could we see | try
to find | we are after | today I need | I forgot | one day I met | this is about | my friend likes | nobody noticed |
everyone talks about | no idea what this is but show me | imagine | remember
"""
OPENINGS = tuple(" ".join(_OPENINGS.split()).split(" | "))
_CALLS = """
hey, | hi there, | ok, | so, | well, | um, | listen, | excuse me, | sorry, | hello! | right.
"""
CALLS = tuple(" ".join(_CALLS.split()).split(" | "))
_ENDINGS = """
please | pls | thanks | thank you | for me | if you can | in this image | in the photo | on the screen | right now |
quickly | today | my friend | will you | somewhere | would be nice | asap
"""
ENDINGS = tuple(" ".join(_ENDINGS.split()).split(" | "))
_WORDS = """
able again ahead alright am anyway ask be because been begin believe bit bye can check clever could day dear did do
does done dude easy else ever exactly few finally folks friend game general get give glad go going good great guess
guys happen has have he help her him his hope idea if image important info job just keep kid know last later long luck
made make man matter maybe me mean might moment morning must need never new nice now of offer oh okay once our own
page part people perhaps photo plan possible probably problem quite ready real really remember request robot run said
save say screen seem send she should simple since so some start step still stuff sure system task team test than thank
that then these they this those though thought time to today told too try turn type until us usual very wait want was
way we week well were will wish with wonder word work world would write wrong yeah year yet you your
"""
WORDS = tuple(_WORDS.split())
