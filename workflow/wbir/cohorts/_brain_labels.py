"""Names of brain regions by number, as the owners of labelled brains give them."""

from __future__ import annotations

# LPBA40: the number of the left region; the right one is the next. Shattuck et al., NeuroImage 39, 2008.
_LPBA40_LEFT = {
    21: "superior frontal gyrus", 23: "middle frontal gyrus", 25: "inferior frontal gyrus", 27: "precentral gyrus",
    29: "middle orbitofrontal gyrus", 31: "lateral orbitofrontal gyrus", 33: "gyrus rectus", 41: "postcentral gyrus",
    43: "superior parietal gyrus", 45: "supramarginal gyrus", 47: "angular gyrus", 49: "precuneus",
    61: "superior occipital gyrus", 63: "middle occipital gyrus", 65: "inferior occipital gyrus", 67: "cuneus",
    81: "superior temporal gyrus", 83: "middle temporal gyrus", 85: "inferior temporal gyrus",
    87: "parahippocampal gyrus", 89: "lingual gyrus", 91: "fusiform gyrus", 101: "insular cortex",
    121: "cingulate gyrus", 161: "caudate", 163: "putamen", 165: "hippocampus",
}  # fmt: skip
LPBA40 = {
    **{number: f"left {name}" for number, name in _LPBA40_LEFT.items()},
    **{number + 1: f"right {name}" for number, name in _LPBA40_LEFT.items()},
    181: "cerebellum",
    182: "brainstem",
}

# Neuromorphometrics' numbers as the MICCAI 2012 challenge scored them: the 134 regions that REPEAT's `oasis.csv` marks.
_MIDLINE = {
    4: "3rd ventricle", 11: "4th ventricle", 35: "brain stem", 46: "CSF", 69: "optic chiasm",
    71: "cerebellar vermal lobules I-V", 72: "cerebellar vermal lobules VI-VII", 73: "cerebellar vermal lobules VIII-X",
}  # fmt: skip
_RIGHT_AND_LEFT = {
    (23, 30): "accumbens area", (31, 32): "amygdala", (36, 37): "caudate", (38, 39): "cerebellum exterior",
    (40, 41): "cerebellum white matter", (44, 45): "cerebral white matter", (47, 48): "hippocampus",
    (49, 50): "inferior lateral ventricle", (51, 52): "lateral ventricle", (55, 56): "pallidum", (57, 58): "putamen",
    (59, 60): "thalamus proper", (61, 62): "ventral DC", (76, 75): "basal forebrain",
}  # fmt: skip
_CORTEX_RIGHT = {  # the left region is the next number
    100: "anterior cingulate gyrus", 102: "anterior insula", 104: "anterior orbital gyrus", 106: "angular gyrus",
    108: "calcarine cortex", 112: "central operculum", 114: "cuneus", 116: "entorhinal area", 118: "frontal operculum",
    120: "frontal pole", 122: "fusiform gyrus", 124: "gyrus rectus", 128: "inferior occipital gyrus",
    132: "inferior temporal gyrus", 134: "lingual gyrus", 136: "lateral orbital gyrus", 138: "middle cingulate gyrus",
    140: "medial frontal cortex", 142: "middle frontal gyrus", 144: "middle occipital gyrus", 146: "medial orbital gyrus",
    148: "postcentral gyrus medial segment", 150: "precentral gyrus medial segment",
    152: "superior frontal gyrus medial segment", 154: "middle temporal gyrus", 156: "occipital pole",
    160: "occipital fusiform gyrus", 162: "opercular part of the inferior frontal gyrus",
    164: "orbital part of the inferior frontal gyrus", 166: "posterior cingulate gyrus", 168: "precuneus",
    170: "parahippocampal gyrus", 172: "posterior insula", 174: "parietal operculum", 176: "postcentral gyrus",
    178: "posterior orbital gyrus", 180: "planum polare", 182: "precentral gyrus", 184: "planum temporale",
    186: "subcallosal area", 190: "superior frontal gyrus", 192: "supplementary motor cortex",
    194: "supramarginal gyrus", 196: "superior occipital gyrus", 198: "superior parietal lobule",
    200: "superior temporal gyrus", 202: "temporal pole", 204: "triangular part of the inferior frontal gyrus",
    206: "transverse temporal gyrus",
}  # fmt: skip
NEUROMORPHOMETRICS = {
    **_MIDLINE,
    **{right: f"right {name}" for (right, _), name in _RIGHT_AND_LEFT.items()},
    **{left: f"left {name}" for (_, left), name in _RIGHT_AND_LEFT.items()},
    **{right: f"right {name}" for right, name in _CORTEX_RIGHT.items()},
    **{right + 1: f"left {name}" for right, name in _CORTEX_RIGHT.items()},
}

# The Desikan-Killiany-Tourville protocol with 31 regions a side. Klein and Tourville, Frontiers in Neuroscience 6, 2012.
_DKT31 = {
    2: "caudal anterior cingulate", 3: "caudal middle frontal", 5: "cuneus", 6: "entorhinal", 7: "fusiform",
    8: "inferior parietal", 9: "inferior temporal", 10: "isthmus cingulate", 11: "lateral occipital",
    12: "lateral orbitofrontal", 13: "lingual", 14: "medial orbitofrontal", 15: "middle temporal", 16: "parahippocampal",
    17: "paracentral", 18: "pars opercularis", 19: "pars orbitalis", 20: "pars triangularis", 21: "pericalcarine",
    22: "postcentral", 23: "posterior cingulate", 24: "precentral", 25: "precuneus", 26: "rostral anterior cingulate",
    27: "rostral middle frontal", 28: "superior frontal", 29: "superior parietal", 30: "superior temporal",
    31: "supramarginal", 34: "transverse temporal", 35: "insula",
}  # fmt: skip
DKT31 = {
    **{1000 + number: f"left {name}" for number, name in _DKT31.items()},
    **{2000 + number: f"right {name}" for number, name in _DKT31.items()},
}
