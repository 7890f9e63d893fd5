"""Files to drop: drawn here, so that they are nobody's."""

from pathlib import Path

from PIL import Image, ImageDraw


def papers(folder: Path) -> list[Path]:
    """A letter of two pages, a photograph, and a program."""
    pages = []
    for number in (1, 2):
        page = Image.new("RGB", (1240, 1754), "white")
        draw = ImageDraw.Draw(page)
        draw.rectangle((120, 120, 520, 170), fill="#0E6478")
        for line in range(12 if number == 1 else 5):
            width = 980 - (line * 137) % 400
            draw.rectangle((120, 320 + line * 70, 120 + width, 342 + line * 70), fill="#B8C4C9")
        pages.append(page)
    letter = folder / "Referral letter – cardiology.pdf"
    pages[0].save(letter, save_all=True, append_images=pages[1:], resolution=150)
    photo = Image.linear_gradient("L").resize((1600, 1200)).convert("RGB")
    drawing = ImageDraw.Draw(photo)
    drawing.rounded_rectangle((400, 260, 1200, 940), 60, fill="#20282C")
    drawing.rounded_rectangle((480, 340, 1120, 760), 30, fill="#A9C6B8")
    picture = folder / "BP monitor photo.jpg"
    photo.save(picture, quality=88)
    program = folder / "setup.exe"
    program.write_bytes(b"MZ" + bytes(600))
    return [letter, picture, program]
