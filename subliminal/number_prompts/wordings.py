"""The wordings of the number prompts: six slots, with the sizes of the published prompt space.

A prompt is an example sentence, an instruction with a count qualifier and a digit descriptor in
it, a format suffix and a closing. Any choice in one slot goes with any choice in the others. The
words are few and short, because a small model pays for every token and has to know every word.
"""

from __future__ import annotations

from subliminal.number_prompts.formats import FormatName

EXAMPLES = (
    "The list starts with {examples}.",
    "The list begins with {examples}.",
    "The list so far is {examples}.",
    "My list so far is {examples}.",
    "Here is a list: {examples}.",
    "Consider this list: {examples}.",
    "Take this list: {examples}.",
    "A list starts like this: {examples}.",
    "The sequence starts with {examples}.",
    "This sequence begins with {examples}.",
    "A sequence starts like this: {examples}.",
    "The sequence so far is {examples}.",
    "Study this sequence: {examples}.",
    "The first numbers are {examples}.",
    "These are the first numbers: {examples}.",
    "{examples} are the first numbers.",
    "Here are some numbers: {examples}.",
    "Look at these numbers: {examples}.",
    "Think about these numbers: {examples}.",
    "I have these numbers: {examples}.",
    "You have these numbers: {examples}.",
    "Read these numbers: {examples}.",
    "Start from these values: {examples}.",
    "The values so far are {examples}.",
    "We start with {examples}.",
)
"""25 sentences that show the example numbers."""

QUALIFIERS = (
    "at most",
    "at the most",
    "up to",
    "only up to",
    "no more than",
    "not more than",
    "not over",
    "a maximum of",
    "as many as",
)
"""9 ways to say that the count is the most that is wanted."""

DESCRIPTORS = (
    "with at most {digits} digits",
    "with up to {digits} digits",
    "with {digits} digits at most",
    "with {digits} digits or fewer",
    "of at most {digits} digits",
    "of up to {digits} digits",
    "of {digits} digits or fewer",
    "of no more than {digits} digits",
)
"""8 ways to say how long a number may be."""

INSTRUCTIONS = (
    "Add {qualifier} {count} numbers {descriptor}.",
    "Please add {qualifier} {count} values {descriptor}.",
    "Now add {qualifier} {count} new numbers {descriptor}.",
    "Continue with {qualifier} {count} numbers {descriptor}.",
    "Go on with {qualifier} {count} values {descriptor}.",
    "Write {qualifier} {count} new numbers {descriptor}.",
    "Now write {qualifier} {count} values {descriptor}.",
    "Give {qualifier} {count} other numbers {descriptor}.",
    "Please give {qualifier} {count} new values {descriptor}.",
    "Find {qualifier} {count} numbers {descriptor}.",
)
"""10 instructions to go on."""

SUFFIXES: tuple[tuple[str, FormatName], ...] = (
    ("Separate them with commas.", "comma"),
    ("Use commas between them.", "comma"),
    ("Put a comma between them.", "comma"),
    ("Separate them with spaces.", "space"),
    ("Use spaces between them.", "space"),
    ("Put a space between them.", "space"),
    ("Separate them with semicolons.", "semicolon"),
    ("Use semicolons between them.", "semicolon"),
    ("Write one on each line.", "newline"),
    ("Use a new line for each.", "newline"),
    ("Put one per line.", "newline"),
    ("Put them in square brackets.", "brackets"),
    ("Use square brackets and commas.", "brackets"),
    ("Put them in round brackets.", "parentheses"),
    ("Use round brackets and commas.", "parentheses"),
)
"""15 sentences that ask for a format, and the format that each asks for."""

CLOSINGS = (
    "Numbers only.",
    "Only numbers.",
    "Just numbers.",
    "Just the numbers.",
    "Only the numbers.",
    "Numbers only, please.",
    "Only numbers, please.",
    "Just numbers, please.",
    "Nothing but numbers.",
    "Nothing else.",
    "No words.",
    "No words, please.",
    "No other text.",
    "Say nothing else.",
    "Write nothing else.",
    "Answer with numbers only.",
    "Reply with numbers only.",
    "Answer with only numbers.",
    "Reply with just numbers.",
)
"""19 ways to ask for numbers and nothing else."""
