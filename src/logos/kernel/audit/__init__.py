"""Can the record be trusted?  Chains recomputed, and checkpoints signed over all their ends.

verify(store, marks, ...)       every chain recomputed; the first thing wrong with each
Audit                           what was found
Notary.sign, .verify, .run      checkpoints: made, held against what is there, made regularly
Seal                            the key, and the file outside the database
export, check_export            the record as lines of JSON; checking them needs no database
signer, signer_at, public_key   keys from text and files
"""

from logos.kernel.audit.checkpoint import Checkpoint
from logos.kernel.audit.exporter import export
from logos.kernel.audit.keys import public_key, signer, signer_at
from logos.kernel.audit.notary import Notary, Seal
from logos.kernel.audit.offline import check_export
from logos.kernel.audit.verifier import Audit, verify

__all__ = [
    "Audit",
    "Checkpoint",
    "Notary",
    "Seal",
    "check_export",
    "export",
    "public_key",
    "signer",
    "signer_at",
    "verify",
]
