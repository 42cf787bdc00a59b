"""Faces in pictures: detection, alignment, crops."""

NO_ALIGNMENT = "none"
# Alignments and the margins that they have by default, as fractions of the face box's side or of
# the template's. 0.4 is the original toolkit's, 0.25 the padding of dlib's face chips.
DEFAULT_MARGINS = {NO_ALIGNMENT: 0.4, "five_points": 0.0, "face_chip": 0.25}
