"""The command `keras-anytime-evaluate`, as a script of the checkout."""

from keras_anytime.commands.evaluate import main

if __name__ == "__main__":
    main()
