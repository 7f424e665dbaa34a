"""The command `keras-anytime-run`, as a script of the checkout."""

from keras_anytime.commands.run import main

if __name__ == "__main__":
    main()
