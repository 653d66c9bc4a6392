"""What messages say about values and words that were mistyped."""

from command_testing import check, expect, run, succeeded


def flags_are_named():
    """The flag stands before what is wrong with its value, in commands whose flags have no groups too."""
    wrong = [("--reg", "-1", "a number from 0 on"), ("--weight-scale", "0", "a number above 0"), ("--hidden", "0", "whole numbers"),
             ("--dropout", "7", "a number above 0 and up to 1"), ("--label-smoothing", "2", "a number"), ("--init", "foo", "one of")]
    for command in "summary", "gradcheck":
        for flag, value, wanted in wrong:
            expect(2, r"^lamina %s: %s: expected %s.*, got '%s'" % (command, flag, wanted, value), command, "--model", "fc", flag, value)
        shown = succeeded(run(command, "--help")).stdout
        check("--num-filters" in shown and "--reg X" in shown, "hidden flags", shown)


def main():
    flags_are_named()


if __name__ == "__main__":
    main()
