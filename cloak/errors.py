"""The exception tree.

::

    CloakError                      anything this package raises on purpose
    ├── UsageError                  an argument makes no sense            (exit code 2)
    ├── ConfigError                 a configuration value is out of range
    ├── ShapeError                  a tensor has the wrong shape or dtype
    ├── WeightsError                a trained model cannot be had
    │   ├── WeightsMissingError     not in the cache, and offline or not to be found
    │   ├── WeightsCorruptError     its hash is not the one that was pinned
    │   └── LicenceError            its licence was not accepted
    ├── VictimError                 a victim's file cannot be used
    ├── MissingExtraError           an optional package is not installed; the message names the extra
    ├── DatasetError                a folder of photos is not enough for an evaluation
    ├── ReferencesError             reference photos of a person cannot be kept or used
    ├── OutputError                 the output folder cannot be used; nothing was written
    ├── UploadError                 a destination cannot be used; nothing more is uploaded
    │   ├── CredentialsError        there are none, or they were refused
    │   ├── UntrustedError          it is not proven to be who it should be: certificate, host key
    │   └── AudienceError           it cannot keep to the audience that was asked for, or did not
    ├── LedgerError                 the record of uploads cannot be used
    └── PhotoError                  ends one photo, the others go on      (exit code 3)
        ├── UnreadablePhotoError    not an image, truncated, no permission
        ├── UnsupportedPhotoError   an image that we refuse rather than damage (animated, unknown container)
        ├── TooLargeError           over the pixel limit: a decompression bomb, or a limit to raise
        ├── NoFaceError             no face found and `--no-face fail`
        ├── FaceChoiceError         something was chosen for a face that cannot be done
        ├── ResidueError            the written bytes hold something that is not known to be harmless
        ├── WriteError              the file could not be written; nothing was left behind
        └── TransferError           the file could not be uploaded; nothing was left behind, or it is said where
            ├── KeptError           it was deleted, and the server keeps it for a while all the same
            └── TransientError      and may be next time: busy, cut off, out of reach
                └── UnreachableError   the server could not be connected to: nothing was sent

Every message says what is wrong, the value, and what to do about it.
"""


class CloakError(Exception):
    """Anything this package raises on purpose."""


class UsageError(CloakError):
    """An argument makes no sense."""


class ConfigError(CloakError, ValueError):
    """A configuration value is out of range."""


class ShapeError(CloakError, ValueError):
    """A tensor has the wrong shape or dtype."""


class WeightsError(CloakError):
    """A trained model cannot be had."""


class WeightsMissingError(WeightsError):
    """The weights are not in the cache and could not be fetched."""


class WeightsCorruptError(WeightsError):
    """The weights' hash is not the one that was pinned."""


class LicenceError(WeightsError):
    """The weights' licence was not accepted."""


class VictimError(CloakError):
    """A victim's file cannot be used."""


class MissingExtraError(CloakError):
    """An optional package is not installed.

    Args:
        what: that needs it, in people's words.
        extra: what to install.
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f'{what} need more packages: pip install "photo-cloak[{extra}]"')


class DatasetError(CloakError):
    """A folder of photos is not enough for an evaluation."""


class ReferencesError(CloakError):
    """The references that are kept cannot be used."""


class OutputError(CloakError):
    """The output folder cannot be used; nothing was written."""


class UploadError(CloakError):
    """A destination cannot be used; nothing more is uploaded."""


class CredentialsError(UploadError):
    """There are no credentials, or they were refused."""


class UntrustedError(UploadError):
    """The server is not proven to be who it should be."""


class AudienceError(UploadError):
    """The destination cannot keep to the audience that was asked for, or did not."""


class LedgerError(CloakError):
    """The record of uploads cannot be used."""


class PhotoError(CloakError):
    """Ends one photo; the others go on."""


class UnreadablePhotoError(PhotoError):
    """The file is not an image, is truncated, or may not be read."""


class UnsupportedPhotoError(PhotoError):
    """The file is an image that we refuse rather than damage."""


class TooLargeError(PhotoError):
    """The photo is over the pixel limit."""


class NoFaceError(PhotoError):
    """No face was found and the user asked for that to be a failure."""


class FaceChoiceError(PhotoError):
    """What was chosen for a face cannot be done: there is no such face, or it is too small."""


class ResidueError(PhotoError):
    """The bytes about to be written hold something that is not known to be harmless."""


class WriteError(PhotoError):
    """The file could not be written; nothing was left behind."""


class TransferError(PhotoError):
    """The file could not be uploaded; nothing was left behind, or the message says where."""


class KeptError(TransferError):
    """All was done to delete it, and the server keeps it for a while all the same, for whoever has its address."""


class TransientError(TransferError):
    """The file could not be uploaded now, and may be next time.

    Attributes:
        after: seconds to wait at least, where the server said so.
    """

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class UnreachableError(TransientError):
    """The server could not be connected to, so that nothing was sent to it.

    Refused, no route, no such name, no answer in time, or no agreement on how to encrypt. `Destination.put` raises it
    only where no byte of the photo can have left in this try: see `cloak.upload.errors.underway`.
    """
