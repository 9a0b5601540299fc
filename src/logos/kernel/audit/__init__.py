"""Can the record be trusted?  Hash chains are recomputed, and checkpoints sign where all of them
end.

verify(store, marks, ...)       recompute every chain; the first fault of each
Audit                           the findings
Notary.sign, .verify, .run      checkpoints: sign one, check them, sign regularly
Seal                            the key, and the file outside the database
export, check_export            the record as JSON Lines; a check of them without a database
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
