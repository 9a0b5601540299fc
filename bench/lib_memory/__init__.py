"""What the memory benchmarks share: conversations with annotated questions, and fitting on them.

data.py      the file format -> events and questions
journaled.py events -> journals on a database
baseline.py  what others do on the same pages
ranking.py   listwise fit of a linear scorer by Newton steps
gating.py    logistic fits: the gate and memorability
meaning.py   what vectors weigh beside words
surviving.py what a compaction keeps of the evidence
spread.py    standard errors over conversations
fitting.py   conversations -> Weights
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the matrices are small: more threads only spin
