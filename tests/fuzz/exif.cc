// The orientation in Exif data: it is one of eight, and an image that is turned upright keeps its pixels.
#include <algorithm>

#include "datasets/decode.h"
#include "tests/fuzz/fuzz.h"

namespace lamina::fuzz {

void read_input(std::string_view bytes) {
  for (const int orientation : {detail::exif_orientation(bytes), detail::tiff_orientation(bytes)}) {
    require(orientation >= 1 && orientation <= 8, "an orientation that is none");
    Tensor<std::uint8_t> image(Shape{2, 3, 3});
    for (Index i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>(i);
    Tensor<std::uint8_t> turned = detail::upright(image, orientation);
    require(turned.dim(0) == (orientation < 5 ? 2 : 3) && turned.size() == image.size(), "a turned image's shape");
    std::sort(turned.begin(), turned.end());
    require(std::equal(turned.begin(), turned.end(), image.begin()), "other pixels in a turned image");
  }
}

std::vector<std::string> seeds() {
  const std::string little("II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0", 26);
  const std::string big("MM\0*\0\0\0\x08\0\2\1\0\0\4\0\0\0\1\0\0\2\x80\1\x12\0\3\0\0\0\1\0\3\0\0\0\0\0\0", 38);
  return {little, big, std::string("Exif\0\0", 6) + little, std::string("Exif\0\0", 6) + big};
}

}  // namespace lamina::fuzz
