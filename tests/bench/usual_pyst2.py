"""pyst2 the usual way: a script that Asterisk starts for every call, AGI on stdin and stdout.

Run by Asterisk as `AGI(<script>,PROMPT,PROMPT,PROMPT)`; it imports nothing of ours, so that it starts as fast as such scripts do.
"""

import sys

from asterisk.agi import AGI

ANSWER_WITHIN_MS = 3000

if __name__ == "__main__":
    agi = AGI()
    agi.set_variable("KEYS", "".join(agi.get_data(prompt, ANSWER_WITHIN_MS, 1) for prompt in sys.argv[1:4]))
