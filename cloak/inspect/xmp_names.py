"""Names of XMP properties, and what they are in people's words.

Source: the XMP specification part 2, IPTC Photo Metadata 2023, MWG guidelines 2.0, Microsoft Photo 1.2, Google Camera.
"""

from cloak.inspect.finding import Harm

PLACES = {
    "City": "city",
    "Country": "country",
    "CountryName": "country",
    "CountryCode": "country",
    "State": "state or province",
    "ProvinceState": "state or province",
    "Location": "place",
    "Sublocation": "place",
    "LocationName": "place",
    "LocationId": "place",
    "WorldRegion": "part of the world",
    "Venue": "place",
    "GPSAltitude": "altitude",
    "AbsoluteAltitude": "altitude",
    "RelativeAltitude": "altitude",
    "GPSImgDirection": "direction of the camera",
    "GPSAreaInformation": "area",
    "coverage": "place",
    **dict.fromkeys(
        ("PoseHeadingDegrees", "GimbalYawDegree", "FlightYawDegree", "CameraYaw"), "direction of the camera"
    ),
}

LATITUDES = frozenset({"GPSLatitude", "GpsLatitude"})
LONGITUDES = frozenset({"GPSLongitude", "GpsLongitude", "GpsLongtitude"})
"""Of the camera; drones of DJI spell it in their own way."""

_SERIAL, _LENS_SERIAL = (Harm.DEVICE, "serial number of the camera"), (Harm.DEVICE, "serial number of the lens")
_CAPTION, _TITLE, _WORDS = (Harm.WHO, "caption"), (Harm.WHO, "title"), (Harm.WHO, "keywords")
_OWNER, _PERSON, _ARTIST = (Harm.WHO, "owner of the camera"), (Harm.WHO, "person in the picture"), (Harm.WHO, "artist")
_SOFTWARE, _ID = (Harm.DEVICE, "software"), (Harm.TRAVELS, "ID of the document")
_RIGHTS, _MOTION, _GAIN = (Harm.WHO, "copyright"), (Harm.TRAVELS, "motion photo"), (Harm.TRAVELS, "gain map")
_CREDIT, _DEPTH, _LENS = (Harm.WHO, "credit"), (Harm.TRAVELS, "depth map"), (Harm.DEVICE, "lens")
_UNIQUE, _BURST = (Harm.DEVICE, "unique image ID"), (Harm.TRAVELS, "ID of a burst of photos")
_OTHER_FILE, _NOTES = (Harm.NAME, "name of another file"), (Harm.DEVICE, "maker note")
_CREATED, _RELEASE = (Harm.WHEN, "created"), (Harm.WHO, "number of a release")

NAMES = {
    **dict.fromkeys(("SerialNumber", "BodySerialNumber", "CameraSerialNumber"), _SERIAL),
    "LensSerialNumber": _LENS_SERIAL,
    **dict.fromkeys(("Lens", "LensInfo", "LensID", "LensModel"), _LENS),
    **dict.fromkeys(
        ("CreatorTool", "Software", "softwareAgent", "Firmware", "ProcessingSoftware", "Producer", "CaptureSoftware"),
        _SOFTWARE,
    ),
    "xmptk": (Harm.DEVICE, "software that wrote the XMP block"),
    **dict.fromkeys(("ImageUniqueID", "DigitalImageGUID", "DigImageGUID", "CaptureUUID"), _UNIQUE),
    **dict.fromkeys(("HostComputer", "DeviceName"), (Harm.DEVICE, "computer or phone by name")),
    "DroneModel": (Harm.DEVICE, "camera or phone"),
    **dict.fromkeys(("MakerNote", "HdrPlusMakernote", "hdrp_makernote", "ShotLogData", "shot_log_data"), _NOTES),
    **dict.fromkeys(
        ("creator", "Artist", "Author", "author", "Photographer", "AOCreator", "ArtworkCreator", "CaptionsAuthorNames"),
        _ARTIST,
    ),
    "Photographer": _ARTIST,
    **dict.fromkeys(("OwnerName", "CameraOwnerName", "ownername", "UserName"), _OWNER),
    **dict.fromkeys(
        ("rights", "Copyright", "CopyrightNotice", "UsageTerms", "Owner", "WebStatement", "Certificate"), _RIGHTS
    ),
    **dict.fromkeys(("Credit", "Source", "AuthorsPosition", "CaptionWriter", "contributor", "publisher"), _CREDIT),
    **dict.fromkeys(
        ("PersonInImage", "PersonInImageName", "PersonInImageWDetails", "PersonName", "PersonDisplayName"), _PERSON
    ),
    **dict.fromkeys(("PersonEmailDigest", "PersonLiveIdCID", "PersonInImageId"), _PERSON),
    **dict.fromkeys(("OrganisationInImageName", "OrganisationInImageCode"), (Harm.WHO, "organisation in the picture")),
    **dict.fromkeys(("ModelAge", "AddlModelInfo", "MinorModelAgeDisclosure"), (Harm.WHO, "about the person in it")),
    **dict.fromkeys(("ModelReleaseID", "PropertyReleaseID"), _RELEASE),
    "PersonSourceID": _PERSON,
    **dict.fromkeys(("description", "Caption", "caption", "notes", "Headline", "ImageDescription"), _CAPTION),
    **dict.fromkeys(("AltTextAccessibility", "ExtDescrAccessibility"), _CAPTION),
    **dict.fromkeys(("title", "Title", "ObjectName", "Nickname", "nickname", "Event", "AOTitle"), _TITLE),
    "ArtworkTitle": _TITLE,
    **dict.fromkeys(
        ("subject", "hierarchicalSubject", "LastKeywordXMP", "LastKeywordIPTC", "Keywords", "keywords"), _WORDS
    ),
    **dict.fromkeys(("TagsList", "CatalogSets", "SupplementalCategories", "Category", "Label", "Scene"), _WORDS),
    **dict.fromkeys(("collections", "CollectionName", "weightedFlatSubject", "SubjectCode"), _WORDS),
    "UserComment": (Harm.WHO, "comment"),
    "Instructions": (Harm.WHO, "instructions"),
    "TransmissionReference": (Harm.WHO, "job number"),
    "TextLayers": (Harm.CROPPED, "text of layers"),
    "LayerText": (Harm.CROPPED, "text of layers"),
    "LayerName": (Harm.CROPPED, "name of a layer"),
    **dict.fromkeys(("DocumentID", "OriginalDocumentID", "documentID", "originalDocumentID"), _ID),
    **dict.fromkeys(("identifier", "Identifier", "ExtId"), _ID),
    "FbId": (Harm.TRAVELS, "ID of an app with Facebook"),
    **dict.fromkeys(("InstanceID", "instanceID", "VersionID"), (Harm.TRAVELS, "ID of a version")),
    "DocumentAncestors": (Harm.TRAVELS, "ID of a picture that was pasted into it"),
    "History": (Harm.TRAVELS, "edit history"),
    "RawFileName": (Harm.NAME, "name of the original file"),
    "PreservedFileName": (Harm.NAME, "name of the original file"),
    **dict.fromkeys(("filePath", "manifestReference", "RelatedSoundFile", "relation", "source"), _OTHER_FILE),
    "ICCProfile": (Harm.TRAVELS, "name of the colour profile"),
    **dict.fromkeys(("MotionPhoto", "MicroVideo", "MicroVideoOffset", "MotionPhotoPresentationTimestampUs"), _MOTION),
    "CameraUnknown": _MOTION,
    **dict.fromkeys(("HDRGainMapVersion", "HDRGainMapHeadroom", "GainMapMax", "HDRCapacityMax"), _GAIN),
    **dict.fromkeys(("DepthMap", "DepthImage", "Near", "Far"), _DEPTH),
    "SpecialTypeID": (Harm.TRAVELS, "special kind of photo"),
    **dict.fromkeys(("BurstID", "BurstUUID", "CameraBurstID"), _BURST),
    **dict.fromkeys(("Created", "UTCAtExposure", "DateAcquired"), _CREATED),
    "ContentIdentifier": (Harm.TRAVELS, "ID of the live photo"),
    "provenance": (Harm.TRAVELS, "content credentials on the web"),
    "Rating": (Harm.WHO, "rating"),
    "DigitalSourceType": (Harm.TRAVELS, "how it was made"),
    "CreatorSubTool": _SOFTWARE,
    "Prompt": (Harm.WHO, "prompt"),
    "AISystemUsed": _SOFTWARE,
}

CONTACT = frozenset(
    {"WebStatement", "Email", "Url", "EmailAddress", "Telephone", "BaseURL", "CreatorAddress", "CreatorWorkEmail"}
)

IGNORED = frozenset(
    {"Orientation", "XResolution", "YResolution", "ResolutionUnit", "ColorSpace", "PixelXDimension", "PixelYDimension"}
    | {"ImageWidth", "ImageLength", "ImageHeight", "BitsPerSample", "SamplesPerPixel", "PhotometricInterpretation"}
    | {
        "Compression",
        "format",
        "ColorMode",
        "NativeDigest",
        "ExifVersion",
        "FlashpixVersion",
        "ComponentsConfiguration",
    }
    | {"YCbCrPositioning", "YCbCrSubSampling", "PlanarConfiguration", "HasExtendedXMP"}
)
"""Of the picture itself, as the container says it too."""
