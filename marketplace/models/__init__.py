"""Every model of the market, where Django looks for them."""

from marketplace.models.catalogue import Model
from marketplace.models.demand_event import DemandEvent
from marketplace.models.heat_lot import HeatContract, HeatDemand, HeatOffer, HeatReading
from marketplace.models.job import Job
from marketplace.models.joules_finding import JoulesFinding
from marketplace.models.offer import Offer, ServingProfile
from marketplace.models.offer_terms import OfferTerms
from marketplace.models.power_lot import PowerAward, PowerBid, PowerLot
from marketplace.models.price_card import PriceBasis, PriceCard
from marketplace.models.reference import ReferenceFigure, ReferenceVersion, SiteFigure
from marketplace.models.series import Series, SeriesCorrection, SeriesFeed, SeriesPoint
from marketplace.models.site import Site
from marketplace.models.site_energy import SiteEnergy
from marketplace.models.site_factors import SiteFactors
from marketplace.models.tariff import OfferPlan, SiteTariff

__all__ = [
    "DemandEvent",
    "HeatContract",
    "HeatDemand",
    "HeatOffer",
    "HeatReading",
    "Job",
    "JoulesFinding",
    "Model",
    "Offer",
    "OfferPlan",
    "OfferTerms",
    "PowerAward",
    "PowerBid",
    "PowerLot",
    "PriceBasis",
    "PriceCard",
    "ReferenceFigure",
    "ReferenceVersion",
    "Series",
    "SeriesCorrection",
    "SeriesFeed",
    "SeriesPoint",
    "ServingProfile",
    "Site",
    "SiteEnergy",
    "SiteFactors",
    "SiteFigure",
    "SiteTariff",
]
