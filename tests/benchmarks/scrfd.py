"""SCRFD through onnxruntime: a detector that has no part in making cloaks.

Source: Guo et al. 2022, Sample and Computation Redistribution for Efficient Face Detection. The file is any SCRFD with
landmarks and two anchors (`scrfd_500m_bnkps.onnx`, `det_10g.onnx`).
"""

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torchvision.ops import nms

from cloak.photo import Face

SIDE = 640
STRIDES = (8, 16, 32)


class Scrfd:
    """Finds faces.

    Args:
        path: the ONNX file.
        threshold: least score.
    """

    def __init__(self, path: Path, *, threshold: float = 0.5) -> None:
        self.session = onnxruntime.InferenceSession(str(path))
        self.input = self.session.get_inputs()[0].name
        self.threshold = threshold

    def detect(self, pixels: torch.Tensor) -> list[Face]:
        """Return the faces in uint8 (3, H, W), largest first."""
        scale = SIDE / max(pixels.shape[1:])
        size = [round(side * scale) for side in pixels.shape[1:]]
        resized = torch.nn.functional.interpolate(pixels[None].float(), size, mode="bilinear", antialias=True)
        image = torch.zeros(1, 3, SIDE, SIDE)
        image[:, :, : size[0], : size[1]] = resized
        outputs = self.session.run(None, {self.input: ((image - 127.5) / 128).numpy()})
        rows = np.concatenate([self._rows(outputs, level) for level in range(len(STRIDES))])
        found = torch.from_numpy(rows[rows[:, 0] >= self.threshold])
        found[:, 1:] = (found[:, 1:] + 0.5) / scale - 0.5
        kept = found[nms(found[:, 1:5], found[:, 0], 0.4)]
        faces = [
            Face(box=(*row[1:5].tolist(),), landmarks=row[5:].reshape(5, 2).clone(), score=float(row[0]))
            for row in kept
        ]
        return sorted(faces, key=lambda face: -face.size)

    def _rows(self, outputs: list[np.ndarray], level: int) -> np.ndarray:
        """Return score, box and landmarks (15 numbers) for each anchor of one stride."""
        stride, count = STRIDES[level], len(STRIDES)
        scores, distances, points = (
            outputs[level + count * kind].reshape(-1, width) for kind, width in enumerate((1, 4, 10))
        )
        side = SIDE // stride
        y, x = np.mgrid[:side, :side].astype(np.float32) * stride
        centres = np.repeat(np.stack([x, y], -1).reshape(-1, 2), len(scores) // side**2, axis=0)
        boxes = np.concatenate([centres - distances[:, :2] * stride, centres + distances[:, 2:] * stride], 1)
        landmarks = (centres[:, None] + points.reshape(-1, 5, 2) * stride).reshape(-1, 10)
        return np.concatenate([scores, boxes, landmarks], 1).astype(np.float32)
