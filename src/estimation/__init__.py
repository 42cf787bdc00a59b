"""Age and gender estimation, and the registry of runtimes."""

RUNTIMES = {  # name -> "module:function", imported at first use, and the suffix of its files
    "keras": (".estimation.runtimes:load_keras", ""),  # files of no other runtime
    "keras_archive": (".estimation.runtimes:load_keras_archive", ".keras"),
    "onnx": (".estimation.runtimes:load_onnx", ".onnx"),
    "litert": (".estimation.runtimes:load_litert", ".tflite"),
    "saved_model": (".estimation.runtimes:load_saved_model", ""),  # folders
    "openvino": (".estimation.runtimes:load_openvino", ""),  # folders
}
