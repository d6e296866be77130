"""Where the faces are, and the way from a photo to face crops and back."""

from cloak.faces.detect import Detector

__all__ = ["Detector"]
