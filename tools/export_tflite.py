"""The command `keras-anytime-export`, as a script of the checkout."""

from keras_anytime.commands.export import main

if __name__ == "__main__":
    main()
