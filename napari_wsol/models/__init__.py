"""What a model is: encoders, pooling, localizers, class maps, the model folder."""
