"""Faces in images: detection, alignment, crops."""

NO_ALIGNMENT = "none"
# Alignments and their default margins, as fractions of the side of the face box or the template.
# 0.4 is the original toolkit's margin, 0.25 the padding of dlib's face chips.
DEFAULT_MARGINS = {NO_ALIGNMENT: 0.4, "five_points": 0.0, "face_chip": 0.25}
