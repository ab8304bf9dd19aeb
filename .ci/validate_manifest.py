"""Has a library read a manifest, and fails where it finds something wrong: validate_manifest.py ADDRESS LIBRARY.

iiif-prezi3 is made from the JSON schema of the Presentation validator, and iiif-prezi is what that validator reads version 2.1 with; tripoli
was written apart from both. What should be there and need not be is printed and no failure.
"""

import json
import sys
import urllib.request


def prezi3(manifest):
    from iiif_prezi3 import Manifest

    read = json.loads(Manifest(**manifest).json())
    return [] if read == manifest else [f"read as {json.dumps(read)}"], []


def prezi(manifest):
    from iiif_prezi.factory import PresentationError
    from iiif_prezi.loader import ManifestReader

    reader = ManifestReader(json.dumps(manifest), version="2.1")
    try:
        reader.read().toJSON(top=True)
    except PresentationError as error:
        return [repr(error)], reader.get_warnings()
    return [], reader.get_warnings()


def tripoli(manifest):
    from tripoli import IIIFValidator

    validator = IIIFValidator(fail_fast=False)
    validator.logger.disabled = True
    validator.validate(manifest)
    return [entry.log_str() for entry in validator.errors], [entry.log_str() for entry in validator.warnings]


address, library = sys.argv[1:]
with urllib.request.urlopen(address) as response:
    sent = json.load(response)
failures, advice = {"iiif-prezi3": prezi3, "iiif-prezi": prezi, "tripoli": tripoli}[library](sent)
print(f"{library}: {len(failures)} failures in {address}")
for line in failures + advice:
    print(f"  {line.strip()}")
sys.exit(bool(failures))
