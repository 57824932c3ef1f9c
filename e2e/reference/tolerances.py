"""How close a comparison has to be: mean absolute difference of the worst channel, and largest one. Units: levels of 255.

Behind each stands what was measured when it was set, with Pillow 13.0, LittleCMS 2 and libvips 8.18. The mean is the tight one:
half a pixel's shift or a gamma of 2.3 for 2.2 moves it by whole levels, and the test shows that both are noticed.
"""

# Nothing is computed here, so nothing may differ.
EXACT = (0.0, 0)

# Cases that aren't named have to be exact.
TOLERANCES = {
    "down to a third": (0.25, 2),  # 0.181, 1
    "down, proportions changed": (0.25, 2),  # 0.156, 1
    "down by eleven thirds across only": (0.05, 2),  # 0.002, 1
    "down to a few pixels": (0.10, 2),  # 0.073, 1
    "up by a half": (0.30, 4),  # 0.203, 3
    "up by four, odd": (0.30, 9),  # 0.203, 8
    "down with alpha": (0.35, 4),  # 0.264, 3
    "up with alpha": (0.35, 11),  # 0.259, 10
    "down, libvips": (0.30, 3),  # 0.204, 2
    "down with alpha, libvips": (0.30, 4),  # 0.209, 3
    "JPEG down a little": (0.30, 5),  # 0.222, 4
    "large JPEG down to a twelfth": (0.40, 3),  # 0.292, 2
    "large JPEG down to a quarter": (1.05, 9),  # 0.796, 8
    "cut around the centre and scaled": (0.30, 2),  # 0.210, 1
    "cut at the left": (0.30, 2),  # 0.207, 1
    "cut at the bottom": (0.30, 2),  # 0.223, 1
    "fitted inside": (0.20, 2),  # 0.150, 1
    "covering": (0.30, 3),  # 0.220, 2
    "padded": (0.25, 3),  # 0.167, 2
    "JPEG with orientation 2, down": (0.25, 2),  # 0.181, 1
    "JPEG with orientation 2, cut": (0.25, 2),  # 0.179, 1
    "JPEG with orientation 3, down": (0.25, 2),  # 0.181, 1
    "JPEG with orientation 3, cut": (0.25, 2),  # 0.179, 1
    "JPEG with orientation 4, down": (0.25, 2),  # 0.181, 1
    "JPEG with orientation 4, cut": (0.25, 2),  # 0.179, 1
    "JPEG with orientation 5, down": (0.05, 2),  # 0.004, 1
    "JPEG with orientation 5, cut": (0.05, 2),  # 0.004, 1
    "JPEG with orientation 6, down": (0.05, 2),  # 0.004, 1
    "JPEG with orientation 6, cut": (0.05, 2),  # 0.004, 1
    "JPEG with orientation 7, down": (0.05, 2),  # 0.004, 1
    "JPEG with orientation 7, cut": (0.05, 2),  # 0.004, 1
    "JPEG with orientation 8, down": (0.05, 2),  # 0.004, 1
    "JPEG with orientation 8, cut": (0.05, 2),  # 0.004, 1
    "Display P3 PNG": (0.10, 3),  # 0.055, 2
    "Adobe RGB PNG": (0.10, 3),  # 0.063, 2
    "Display P3 JPEG": (0.10, 3),  # 0.049, 2
    "grey PNG with a gamma of 1.8": (0.05, 2),  # 0.014, 1
    "four inks with a profile": (0.70, 5),  # 0.504, 4
    "AVIF": (0.25, 2),  # 0.190, 1
}
