"""The command `keras-anytime-train`, as a script of the checkout."""

from keras_anytime.commands.train import main

if __name__ == "__main__":
    main()
