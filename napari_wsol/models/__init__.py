"""What a model is: encoders, pooling, localizers, the model folder."""
