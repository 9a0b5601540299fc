"""What the memory benchmarks share: conversations with annotated questions, and fitting on them.

data.py      the file format -> pages and questions
ranking.py   listwise fit of a linear scorer by Newton steps
gating.py    logistic fits: the gate and memorability
fitting.py   conversations -> Weights
"""
