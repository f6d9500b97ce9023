"""The outside world of the hotline: carrier, citizens, stations and desk phones over real SIP and RTP."""

from tests.world.carrier import Carrier, CarrierCall
from tests.world.leg import Leg, NotInTime
from tests.world.party import Answering, Citizen, Phone, Station
from tests.world.rtp import Ports, Sound

__all__ = [
    "Answering",
    "Carrier",
    "CarrierCall",
    "Citizen",
    "Leg",
    "NotInTime",
    "Phone",
    "Ports",
    "Sound",
    "Station",
]
