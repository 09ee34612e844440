"""The messages of H.323 as far as the kernel's helper reads them: ITU-T H.225.0 (v4), H.245 (v7).

Derived from the ASN.1 of the two recommendations, and cut down to what has to be walked over or
read; h323_notation.py says how it is written. Types come before their use, so none holds itself.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.helpers.h323_notation import Type, read_types

H225_PARTS: Final = """
H221NonStandard = SEQUENCE INT8, INT8, INT16, ...
NonStandardIdentifier = CHOICE OID, H221NonStandard, ...
NonStandardParameter = SEQUENCE NonStandardIdentifier, OCTETS(long+0)

IpAddress = SEQUENCE ip OCTETS4, INT16
Route = LIST 0 OCTETS4
Routing = CHOICE NULL, NULL, ...
IpSourceRoute = SEQUENCE OCTETS4, INT16, Route, Routing, ...
IpxAddress = SEQUENCE OCTETS6, OCTETS4, OCTETS2
Ip6Address = SEQUENCE ip OCTETS16, INT16, ...
TransportAddress = CHOICE ipAddress IpAddress, IpSourceRoute, IpxAddress, ip6Address Ip6Address,
    OCTETS16, OCTETS(5+1), NonStandardParameter, ...
TransportAddresses = LIST 10 TransportAddress

AliasAddress = CHOICE DIGITS(7+1), TEXT16(octet+1), ..., 5*SKIP
AliasAddresses = LIST 0 AliasAddress
VendorIdentifier = SEQUENCE H221NonStandard, OCTETS(octet+1)?, OCTETS(octet+1)?, ...
TerminalInfo = SEQUENCE NonStandardParameter?, ...
ProtocolCaps = SEQUENCE NonStandardParameter?, ..., 2*SKIP
SupportedProtocol = CHOICE NonStandardParameter, 8*ProtocolCaps, ..., 2*SKIP
SupportedProtocols = LIST 0 SupportedProtocol
GatewayInfo = SEQUENCE SupportedProtocols?, NonStandardParameter?, ...
McuInfo = SEQUENCE NonStandardParameter?, ..., SKIP
EndpointType = SEQUENCE NonStandardParameter?, VendorIdentifier?, TerminalInfo?, GatewayInfo?,
    McuInfo?, TerminalInfo?, BOOLEAN, BOOLEAN, ..., 2*SKIP

CallReferences = LIST 0 INT16
ConferenceGoal = CHOICE 3*NULL, ..., 2*SKIP
Q954Details = SEQUENCE 2*BOOLEAN, ...
QseriesOptions = SEQUENCE 7*BOOLEAN, Q954Details, ...
CallType = CHOICE 4*NULL, ...
CallModel = CHOICE 2*NULL, ...
CallIdentifier = SEQUENCE OCTETS16, ...

SecurityServiceMode = CHOICE NonStandardParameter, NULL, NULL, ...
SecurityCapabilities = SEQUENCE NonStandardParameter?, 3*SecurityServiceMode, ...
H245Security = CHOICE NonStandardParameter, NULL, 2*SecurityCapabilities, ...
DHset = SEQUENCE 3*BITSTRING(16), ...
TypedCertificate = SEQUENCE OID, OCTETS(long+0), ...
ObjectOctets = SEQUENCE OID, OCTETS(long+0)
ClearToken = SEQUENCE OID, INT32?, TEXT16(7+1)?, DHset?, OCTETS(7+8)?, INTEGER?,
    TypedCertificate?, TEXT16(7+1)?, ObjectOctets?, ..., 2*SKIP
ClearTokens = LIST 0 ClearToken
Params = SEQUENCE INTEGER?, OCTETS8?, ..., SKIP
Hashed = SEQUENCE OID, Params, BITSTRING(long)
Encrypted = SEQUENCE OID, Params, OCTETS(long+0)
Signed = SEQUENCE OPEN SKIP, OID, Params, BITSTRING(long)
CryptoEPPwdHash = SEQUENCE AliasAddress, INT32, Hashed
CryptoGKPwdHash = SEQUENCE TEXT16(7+1), INT32, Hashed
CryptoEncrypted = SEQUENCE OID, Encrypted
CryptoSigned = SEQUENCE OID, Signed
CryptoHashed = SEQUENCE OID, ClearToken, Hashed
NestedCryptoToken = CHOICE CryptoEncrypted, CryptoSigned, CryptoHashed, Encrypted, ...
CryptoH323Token = CHOICE CryptoEPPwdHash, CryptoGKPwdHash, 2*Encrypted, 3*Signed,
    NestedCryptoToken, ...
CryptoTokens = LIST 0 CryptoH323Token
"""

H245: Final = """
H245H221 = SEQUENCE INT8, INT8, INT16
H245NonStandardIdentifier = CHOICE OID, H245H221
H245NonStandard = SEQUENCE H245NonStandardIdentifier, OCTETS(long+0)
H245NonStandards = LIST 0 H245NonStandard

H261VideoCapability = SEQUENCE BITS2?, BITS2?, BOOLEAN, INT16, BOOLEAN, ..., SKIP
H262VideoCapability = SEQUENCE 11*BOOLEAN, 2*INT32?, 2*INT16?, BITS4?, INT32?, ..., SKIP
H263VideoCapability = SEQUENCE 5*BITS5?, INT32, 5*BOOLEAN, INT32?, INT16?, ..., 8*SKIP
IS11172VideoCapability = SEQUENCE BOOLEAN, 2*INT32?, 2*INT16?, BITS4?, INT32?, ..., SKIP
VideoCapability = CHOICE H245NonStandard, H261VideoCapability, H262VideoCapability,
    H263VideoCapability, IS11172VideoCapability, ..., SKIP
G7231 = SEQUENCE INT8, BOOLEAN
IS11172AudioCapability = SEQUENCE 8*BOOLEAN, INT16, ...
IS13818AudioCapability = SEQUENCE 20*BOOLEAN, INT16, ...
AudioCapability = CHOICE H245NonStandard, 7*INT8, G7231, 3*INT8, IS11172AudioCapability,
    IS13818AudioCapability, ..., 8*SKIP
DataProtocolCapability = CHOICE H245NonStandard, 6*NULL, ..., 3*SKIP, separateLANStack SKIP, 3*SKIP
T84Restricted = SEQUENCE 19*BOOLEAN, ...
T84Profile = CHOICE NULL, T84Restricted
T84 = SEQUENCE DataProtocolCapability, T84Profile
Nlpid = SEQUENCE DataProtocolCapability, OCTETS(long+0)
Application = CHOICE H245NonStandard, t120 DataProtocolCapability, 2*DataProtocolCapability, T84,
    2*DataProtocolCapability, Nlpid, NULL, DataProtocolCapability, ..., 4*SKIP
DataApplicationCapability = SEQUENCE application Application, INT32, ...
EncryptionMode = CHOICE H245NonStandard, NULL, ...
DataType = CHOICE H245NonStandard, NULL, VideoCapability, AudioCapability,
    data DataApplicationCapability, EncryptionMode, ..., 3*SKIP

H222Parameters = SEQUENCE INT16, INT16, INT16?, OCTETS(long+0)?, OCTETS(long+0)?, ...
AdaptationAL3 = SEQUENCE BITS2, INT32
AdaptationLayer = CHOICE H245NonStandard, 4*NULL, AdaptationAL3, ..., 3*SKIP
H223Parameters = SEQUENCE AdaptationLayer, BOOLEAN, ...
CRCLength = CHOICE 3*NULL, ...
V76HDLCParameters = SEQUENCE CRCLength, INT16, BOOLEAN, ...
V76Recovery = SEQUENCE BITS7, CRCLength, ...
V76Mode = CHOICE V76Recovery, NULL, ...
V75Parameters = SEQUENCE BOOLEAN, ...
V76Parameters = SEQUENCE V76HDLCParameters, CRCLength, BOOLEAN, V76Mode, V75Parameters, ...

UnicastIp = SEQUENCE network OCTETS4, INT16, ...
UnicastIpx = SEQUENCE OCTETS6, OCTETS4, OCTETS2, ...
UnicastIp6 = SEQUENCE network OCTETS16, INT16, ...
UnicastRouting = CHOICE 2*NULL
UnicastRoute = SEQUENCE UnicastRouting, OCTETS4, INT16, Route, ...
UnicastAddress = CHOICE iPAddress UnicastIp, UnicastIpx, iP6Address UnicastIp6, OCTETS16,
    UnicastRoute, ..., 2*SKIP
MulticastIp = SEQUENCE OCTETS4, INT16, ...
MulticastIp6 = SEQUENCE OCTETS16, INT16, ...
MulticastAddress = CHOICE MulticastIp, MulticastIp6, ..., 2*SKIP
H245TransportAddress = CHOICE unicastAddress UnicastAddress, MulticastAddress, ...

H2250Parameters = SEQUENCE H245NonStandards?, INT8, BITS8?, mediaChannel H245TransportAddress?,
    BOOLEAN?, mediaControlChannel H245TransportAddress?, 5*STOP?, ..., 3*STOP
ForwardMultiplex = CHOICE H222Parameters, H223Parameters, V76Parameters, ...,
    h2250LogicalChannelParameters H2250Parameters, SKIP
ForwardParameters = SEQUENCE INT16?, dataType DataType, multiplexParameters ForwardMultiplex, ...,
    2*SKIP
ReverseMultiplex = CHOICE H223Parameters, V76Parameters, ...,
    h2250LogicalChannelParameters H2250Parameters
ReverseParameters = SEQUENCE DataType, multiplexParameters ReverseMultiplex?, ..., 2*SKIP
Q2931Number = CHOICE DIGITS(4+1), OCTETS(5+1), ...
Q2931Address = SEQUENCE Q2931Number, OCTETS(5+1)?, ...
NetworkAddress = CHOICE Q2931Address, DIGITS(7+1), localAreaAddress H245TransportAddress, ...
Distribution = CHOICE 2*NULL, ...
NetworkAccessParameters = SEQUENCE Distribution?, networkAddress NetworkAddress, BOOLEAN,
    OCTETS(8+1)?, ..., SKIP
OpenLogicalChannel = SEQUENCE INT16, forwardLogicalChannelParameters ForwardParameters,
    reverseLogicalChannelParameters ReverseParameters?, ...,
    separateStack NetworkAccessParameters, STOP
RequestMessage = CHOICE 3*STOP, openLogicalChannel OpenLogicalChannel, 7*STOP, ..., 4*STOP

AckReverseMultiplex = CHOICE H222Parameters, ..., h2250LogicalChannelParameters H2250Parameters
AckReverseParameters = SEQUENCE INT16, INT16?, multiplexParameters AckReverseMultiplex?, ..., SKIP
H2250AckParameters = SEQUENCE H245NonStandards?, BITS8?, mediaChannel H245TransportAddress?,
    mediaControlChannel H245TransportAddress?, BITS5?, ..., 2*SKIP
ForwardAckMultiplex = CHOICE h2250LogicalChannelAckParameters H2250AckParameters, ...
OpenLogicalChannelAck = SEQUENCE INT16, reverseLogicalChannelParameters AckReverseParameters?, ...,
    separateStack NetworkAccessParameters, forwardMultiplexAckParameters ForwardAckMultiplex, STOP
ResponseMessage = CHOICE 5*STOP, openLogicalChannelAck OpenLogicalChannelAck, 13*STOP, ..., 5*STOP
MultimediaSystemControlMessage = CHOICE request RequestMessage, response ResponseMessage, 2*STOP,
    ...
"""

CALL_SIGNALLING: Final = """
FastStart = LIST 30 OPEN OpenLogicalChannel
H245Control = LIST 4 OPEN MultimediaSystemControlMessage

Setup = SEQUENCE OID, h245Address TransportAddress?, AliasAddresses?, EndpointType,
    AliasAddresses?, destCallSignalAddress TransportAddress?, AliasAddresses?, CallReferences?,
    BOOLEAN, OCTETS16, ConferenceGoal, QseriesOptions?, CallType, ...,
    sourceCallSignalAddress TransportAddress, 5*SKIP, fastStart FastStart, 2*SKIP, 17*STOP
CallProceeding = SEQUENCE OID, EndpointType, h245Address TransportAddress?, ..., 4*SKIP,
    fastStart FastStart, 4*SKIP
Connect = SEQUENCE OID, h245Address TransportAddress?, EndpointType, OCTETS16, ..., 4*SKIP,
    fastStart FastStart, 10*SKIP
Alerting = SEQUENCE OID, EndpointType, h245Address TransportAddress?, ..., 4*SKIP,
    fastStart FastStart, 9*SKIP
Information = SEQUENCE OID, ..., 6*SKIP
ReleaseCompleteReason = CHOICE 12*NULL, ..., 10*SKIP
ReleaseComplete = SEQUENCE OID, ReleaseCompleteReason?, ..., 9*SKIP
FacilityReason = CHOICE NULL, callForwarded NULL, 2*NULL, ..., 7*SKIP
Facility = SEQUENCE OID, alternativeAddress TransportAddress?, AliasAddresses?, OCTETS16?,
    reason FacilityReason, ..., 6*SKIP, h245Address TransportAddress, fastStart FastStart, 8*SKIP
Progress = SEQUENCE OID, EndpointType, h245Address TransportAddress?, CallIdentifier,
    H245Security?, ClearTokens?, CryptoTokens?, fastStart FastStart?, ..., 3*SKIP
MessageBody = CHOICE setup Setup, callProceeding CallProceeding, connect Connect,
    alerting Alerting, Information, ReleaseComplete, facility Facility, ..., progress Progress,
    5*SKIP
UserToUser = SEQUENCE body MessageBody, NonStandardParameter?, ..., 2*SKIP,
    h245Control H245Control, 6*STOP
UserInformation = SEQUENCE pdu UserToUser, STOP?, ...
"""

REGISTRATION: Final = """
GatekeeperRequest = SEQUENCE INT16, OID, NonStandardParameter?, TransportAddress, STOP, 3*STOP?,
    ..., 10*STOP
GatekeeperConfirm = SEQUENCE INT16, OID, NonStandardParameter?, TEXT16(7+1)?,
    rasAddress TransportAddress, ..., 9*STOP
RegistrationRequest = SEQUENCE INT16, OID, NonStandardParameter?, BOOLEAN,
    callSignalAddress TransportAddresses, TransportAddresses, EndpointType, AliasAddresses?,
    TEXT16(7+1)?, VendorIdentifier, ..., SKIP, timeToLive INT32, 19*STOP
RegistrationConfirm = SEQUENCE INT16, OID, NonStandardParameter?, TransportAddresses,
    AliasAddresses?, TEXT16(7+1)?, TEXT16(7+1), ..., SKIP, timeToLive INT32, 15*STOP
UnregistrationRequest = SEQUENCE INT16, TransportAddresses, 3*STOP?, ..., 10*STOP
AdmissionRequest = SEQUENCE INT16, CallType, CallModel?, TEXT16(7+1), AliasAddresses?,
    TransportAddress?, AliasAddresses?, AliasAddresses, TransportAddress?, 2*STOP, 2*STOP?,
    3*STOP, ..., 18*STOP
AdmissionConfirm = SEQUENCE INT16, INT32, CallModel, destCallSignalAddress TransportAddress,
    2*STOP?, ..., 21*STOP
LocationRequest = SEQUENCE INT16, TEXT16(7+1)?, AliasAddresses, NonStandardParameter?,
    TransportAddress, ..., 12*STOP
LocationConfirm = SEQUENCE INT16, callSignalAddress TransportAddress, TransportAddress, STOP?,
    ..., 15*STOP
InfoRequestResponse = SEQUENCE NonStandardParameter?, INT16, EndpointType, TEXT16(7+1),
    TransportAddress, TransportAddresses, 2*STOP?, ..., 8*STOP
RasMessage = CHOICE GatekeeperRequest, gatekeeperConfirm GatekeeperConfirm, STOP,
    registrationRequest RegistrationRequest, registrationConfirm RegistrationConfirm, STOP,
    unregistrationRequest UnregistrationRequest, 2*STOP, AdmissionRequest,
    admissionConfirm AdmissionConfirm, 7*STOP, LocationRequest,
    locationConfirm LocationConfirm, 2*STOP, InfoRequestResponse, STOP, ..., 8*STOP
"""

TYPES: Final[dict[str, Type]] = read_types(H225_PARTS + H245 + CALL_SIGNALLING + REGISTRATION)
USER_INFORMATION: Final = TYPES["UserInformation"]
CONTROL_MESSAGE: Final = TYPES["MultimediaSystemControlMessage"]
RAS_MESSAGE: Final = TYPES["RasMessage"]
