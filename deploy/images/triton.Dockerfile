# Triton with a model repository filled from the networks that ship.
FROM nvcr.io/nvidia/tritonserver:24.10-py3
# For a GPU: deploy/triton/model_repository_gpu.
ARG MODEL_REPOSITORY=deploy/triton/model_repository
COPY ${MODEL_REPOSITORY} /models
COPY models/artifacts/backbone.onnx  /models/backbone/1/model.onnx
COPY models/artifacts/text.onnx      /models/text/1/model.onnx
COPY models/artifacts/dmlanet.onnx   /models/dmlanet/1/model.onnx
COPY models/artifacts/rnnca.onnx     /models/rnnca/1/model.onnx
# An ensemble needs a version folder of its own, empty as it is.
RUN mkdir -p /models/sentiment/1
CMD ["tritonserver", "--model-repository=/models", "--exit-on-error=true"]
