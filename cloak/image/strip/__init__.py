"""Take everything out of a photo that is not picture.

Two ways: `bare.strip` forgets all but the pixels of a decoded photo, which are then encoded anew; the modules named
after containers rewrite a file without touching its coded pixels (`base` has their interface).
"""
