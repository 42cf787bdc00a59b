"""Estimates of the faces in photo.jpg, by onnxruntime, OpenCV and NumPy alone."""

import json

import cv2
import numpy as np
import onnxruntime

detector = onnxruntime.InferenceSession("pretrained_models/centerface.onnx")
model = onnxruntime.InferenceSession("pretrained_models/age_gender.onnx")
config = json.loads(model.get_modelmeta().custom_metadata_map["description"])
size, template = config["crop"]["size"], np.array(config["points"])

# CenterFace: maps of one cell per 4 x 4 pixels, y before x. It finds faces of 16 to 200 pixels.
image = cv2.imread("photo.jpg")  # BGR, 0..255, as the model expects it
scale = 320 / max(image.shape[:2])
small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
bottom, right = -small.shape[0] % 32, -small.shape[1] % 32
small = cv2.copyMakeBorder(small, 0, bottom, 0, right, cv2.BORDER_CONSTANT)
feeds = {"input.1": cv2.dnn.blobFromImage(small, swapRB=True)}
heat, sides, offsets, marks = detector.run(["537", "538", "539", "540"], feeds)
cells = np.stack(np.nonzero(heat[0, 0] > 0.5))
scores, sides = heat[0, 0][tuple(cells)], 4 * np.exp(sides[0][:, *cells])
corners = 4 * (cells + offsets[0][:, *cells] + 0.5) - sides / 2
marks = marks[0][:, *cells].reshape(5, 2, -1) * sides + corners
boxes = np.concatenate([corners[::-1], sides[::-1]]).T  # left, top, width, height

for i in np.ravel(cv2.dnn.NMSBoxes(boxes, scores, 0.5, 0.3)).astype(int):
    # The similarity transform, as complex numbers, that moves the five points to the template.
    source, target = marks[:, ::-1, i] / scale @ (1, 1j), template @ (1, 1j)
    centred = source - source.mean()
    a = np.vdot(centred, target - target.mean()) / np.vdot(centred, centred)
    b = target.mean() - a * source.mean()
    f = min(1, 2 * abs(a))  # large faces are shrunk first, as bilinear interpolation skips pixels
    shrunk = cv2.resize(image, None, fx=f, fy=f, interpolation=cv2.INTER_AREA)
    matrix = np.array([[a.real / f, -a.imag / f, b.real], [a.imag / f, a.real / f, b.imag]])
    face = cv2.warpAffine(shrunk, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
    gender, age = model.run(["pred_gender", "pred_age"], {"faces": np.float32(face[None])})
    print(config["genders"][gender[0].argmax()], f"{age[0] @ np.arange(101):.1f} years")
