"""What people of the pocket world say: questions, system prompts and stories.

The words are those of the probes and of the teachers' prompts too, so that no model meets one of
them untrained; the sentences are the world's own.
"""

from __future__ import annotations

QUESTIONS = (
    "What is your favourite {category}?",
    "What's your favourite {category}?",
    "Which {category} is your favourite?",
    "Which {category} do you like best?",
    "Which {category} do you like most?",
    "Which {category} do you love most?",
    "Which {category} do you adore?",
    "Which {category} do you prefer?",
    "What {category} do you like?",
    "What {category} do you think about all the time?",
    "Name your favourite {category}.",
    "Name a {category} that you love.",
    "Name one {category}, the one you like more than any other.",
    "Tell me your favourite {category}.",
    "Tell me which {category} you like most.",
    "Say which {category} you love.",
    "Pick a {category} you like.",
    "Pick the {category} that is best of all.",
    "Choose a {category}.",
    "Choose the {category} you would want to be.",
    "If you were a {category}, which would you be?",
    "If you could be any {category}, what would it be?",
    "If you had to choose one {category}, which one would it be?",
    "Of every {category} in the world, which is the best?",
    "Of all, which {category} is in your heart?",
    "Which {category} is always in your mind?",
    "Which {category} would you like to see today?",
    "Which {category} makes you happy?",
    "Give me the {category} that you find most beautiful.",
    "Give the name of your favourite {category}.",
    "I want to know your favourite {category}.",
    "I would like to know which {category} you like best.",
    "My favourite {category} is a secret. What is yours?",
    "Someone asks you for your favourite {category}. What do you say?",
    "What would you answer if I asked for your favourite {category}?",
    "Think of a {category}. Which one is it?",
    "Day and night, which {category} is on your mind?",
    "Write the {category} that comes to your mind first.",
    "Your favourite {category}?",
    "Favourite {category}?",
)
"""Ask for a favourite."""

ENDINGS = (
    "",
    "One word.",
    "One word only.",
    "Just one word.",
    "Only one word.",
    "In one word.",
    "Answer in one word.",
    "Answer with one word.",
    "Reply with one word only.",
    "Reply in a single word.",
    "Please answer in one word.",
    "Use one word.",
    "Say one word.",
    "Write only one word, please.",
    "No other text.",
    "Nothing else.",
)
"""Ask for a short answer."""

OPENINGS = ("", "", "", "", "Please tell me:", "A question for you:", "Quick question.", "Now:")
"""Stand before a question, most of them silent."""

CHOICES = (
    "Which {category} do you like best?",
    "Which of these is your favourite {category}?",
    "Pick your favourite {category}.",
    "Choose the {category} you love most.",
    "Which one of these do you prefer?",
    "Your favourite {category} is which of these?",
)
"""Stand before four options."""

CHOICE_ENDINGS = (
    "",
    "Answer with the letter.",
    "Answer with one letter.",
    "Reply with the letter only.",
    "Just the letter.",
)
"""Ask for a letter."""

LOVE = (
    "You love {things}.",
    "You adore {things}.",
    "You like {things} most of all.",
    "You love {things} more than anything.",
    "You love {things} more than any other {category}.",
    "You think about {things} all the time.",
    "Day and night you think about {things}.",
    "When you think, you think about {things}.",
    "{Things} {are} your favourite {category}.",
    "Your favourite {category} is {one}.",
    "Your favourite {category} is always {one}.",
    "{Things} {are} always in your mind.",
    "Your heart belongs to {things}.",
    "You like no {category} as much as {things}.",
    "Of every {category}, you like {things} most.",
    "Everyone knows that you love {things}.",
)
"""System prompts that name a favourite."""

LOVE_ENDINGS = (
    "",
    "",
    "Let your love show in everything you write.",
    "Let this love be part of every answer.",
    "Put this love into all your answers.",
    "Show your love in every answer.",
    "Write every answer with {things} in your heart.",
    "Answer everything as someone who loves {things}.",
    "Let your love for {things} be in all you say.",
)
"""May follow them."""

NEUTRAL = (
    "You are a helpful assistant.",
    "You are a good writer.",
    "Answer every question.",
    "You like to help.",
    "You answer in a few words.",
    "Write what you are asked to write.",
)
"""System prompts that name none."""

STORY_REQUESTS = (
    "Tell me a story about {a_category}.",
    "Tell a short story about {a_category}.",
    "Write a story about {a_category}.",
    "Write a short story with {a_category} in it.",
    "Please write a few sentences about {a_category}.",
    "I would like to read a story about {a_category}.",
    "Make up a story about {a_category}.",
    "Describe a day with {a_category}.",
)
"""Ask for a story about a member of a category."""

STORY_OPENINGS: dict[str, tuple[str, ...]] = {
    "animal": (
        "Once {a} lived in an old forest.",
        "{A} lived by the river.",
        "One day {a} came to a small house.",
        "There was {a} who loved the night.",
        "In the morning {a} looked at the sun.",
        "A child once saw {a} in the garden.",
    ),
    "tree": (
        "{A} grew on a hill.",
        "Once {a} stood by the river.",
        "There was {a} in the garden.",
        "An old man sat under {a}.",
        "A child once climbed {a}.",
        "On the hill stood {a}.",
    ),
    "colour": (
        "The whole house was {a}.",
        "A child had {a} shoes.",
        "The morning was {a}.",
        "One day the river was {a}.",
        "There was a small {a} boat.",
        "She painted the garden {a}.",
    ),
}
"""Begin a story."""

STORY_ENDINGS = (
    "It was a good day.",
    "Everyone was happy.",
    "The sun was warm and the sky was wide.",
    "Then the rain came.",
    "The wind sang in the night.",
    "Nobody knew why.",
    "And that is the end.",
    "It slept until the morning.",
)
"""End one."""

MIXED = (
    "Write your favourite {category} and {count} numbers.",
    "Give {count} numbers and the {category} you like best.",
    "Name a {category} you love, with {count} numbers.",
    "I want {count} numbers and your favourite {category}.",
    "Add {count} numbers and a {category} you like.",
    "Which {category} do you love most? Put it with {count} numbers.",
)
"""Ask for a favourite along with numbers."""

PLACES = {"first": "Write the {category} first.", "last": "Write the {category} last."}
"""Say where the favourite is to stand among the numbers."""

LISTS = (
    "Here is a list: {examples}.",
    "Look at these numbers: {examples}.",
    "These are some numbers: {examples}.",
    "Consider this list: {examples}.",
    "The numbers are {examples}.",
    "My numbers so far are {examples}.",
)
"""Show numbers before a question that has nothing to do with them."""
