"""Sentences to speak and to recognise. Must not know who speaks them."""

from typing import Final

ENGLISH: Final = (
    "The birch canoe slid on the smooth planks.",
    "Glue the sheet to the dark blue background.",
    "It is easy to tell the depth of a well.",
    "These days a chicken leg is a rare dish.",
    "Rice is often served in round bowls.",
    "The juice of lemons makes fine punch.",
    "The box was thrown beside the parked truck.",
    "Four hours of steady work faced us.",
    "A large size in stockings is hard to sell.",
    "The boy was there when the sun rose.",
    "A rod is used to catch pink salmon.",
    "The source of the huge river is the clear spring.",
    "Kick the ball straight and follow through.",
    "Help the woman get back to her feet.",
    "A pot of tea helps to pass the evening.",
    "Smoky fires lack flame and heat.",
    "The soft cushion broke the man's fall.",
    "The salt breeze came across from the sea.",
    "The girl at the booth sold fifty bonds.",
    "The small pup gnawed a hole in the sock.",
)
"""The first 20 of the Harvard sentences (IEEE Recommended Practice for Speech Quality Measurements, 1969)."""

OTHERS: Final[dict[str, tuple[str, ...]]] = {
    "de": (
        "Der Zug nach Hamburg fährt heute von einem anderen Gleis ab.",
        "Wir haben gestern im Garten gearbeitet und Kuchen gegessen.",
        "Bitte schicken Sie mir morgen früh eine kurze Nachricht.",
    ),
    "fr": (
        "Le train pour Paris part ce matin d'un autre quai.",
        "Nous avons travaillé hier dans le jardin et mangé un gâteau.",
        "Envoyez-moi demain matin un petit message, s'il vous plaît.",
    ),
    "es": (
        "El tren para Madrid sale hoy de otra plataforma.",
        "Ayer trabajamos en el jardín y comimos un pastel.",
        "Por favor, envíeme un mensaje corto mañana por la mañana.",
    ),
    "it": (
        "Il treno per Roma parte oggi da un altro binario.",
        "Ieri abbiamo lavorato in giardino e mangiato una torta.",
        "Per favore, mandami domani mattina un breve messaggio.",
    ),
    "pt": (
        "O trem para Lisboa parte hoje de outra plataforma.",
        "Ontem trabalhamos no jardim e comemos um bolo.",
        "Por favor, envie uma mensagem curta amanhã de manhã.",
    ),
    "ja": (
        "今日の電車は別のホームから出発します。",
        "昨日、私たちは庭で働いて、ケーキを食べました。",
        "明日の朝、短いメッセージを送ってください。",
    ),
}
"""By ISO-639-1 code."""
