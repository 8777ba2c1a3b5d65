"""The two networks, DMLANet and RNN-CA: definition, training, evaluation, export.

torch is needed by training, evaluation and export alone (the extra `train`);
`signature` and `tokenizer` are torch-free and all that the services import.
"""
