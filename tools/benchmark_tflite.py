"""The command `keras-anytime-benchmark`, as a script of the checkout."""

from keras_anytime.commands.benchmark import main

if __name__ == "__main__":
    main()
