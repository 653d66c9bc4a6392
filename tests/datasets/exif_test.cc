// The orientation of photographs: all eight as Pillow turns them, both byte orders, and Exif data that are damaged.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "datasets/decode.h"
#include "datasets/images.h"
#include "tests/io/io_checks.h"

namespace lamina {
namespace {

using Image = Tensor<std::uint8_t>;

class Orientation : public testing_io::InDirectory {};

TEST_F(Orientation, IsThatOfPillow) {
  ASSERT_TRUE(python(R"(
import numpy as np
from PIL import Image, ImageOps
y, x = np.mgrid[:12, :20]
plain = Image.fromarray(np.stack([x * 12, y * 20, 255 - x * 5 - y * 9], -1).astype(np.uint8))
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x010e] = 'a description before it'
    exif[0x0112] = orientation
    plain.save('%d.jpg' % orientation, quality=95, exif=exif, progressive=orientation % 2 == 0)
    plain.save('%d.png' % orientation, exif=exif)
    for name in ['%d.jpg' % orientation, '%d.png' % orientation]:
        np.asarray(ImageOps.exif_transpose(Image.open(name)), np.uint8).tofile(name + '.raw')
)"));
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (const char* ending : {".jpg", ".png"}) {
      const std::string name = std::to_string(orientation) + ending;
      SCOPED_TRACE(name);
      const Image image = read_image(dir_ / name);
      ASSERT_EQ(image.shape(), orientation < 5 ? (Shape{12, 20, 3}) : (Shape{20, 12, 3}));
      const std::string raw = read_file(dir_ / (name + ".raw"));
      ASSERT_EQ(static_cast<Index>(raw.size()), image.size());
      for (Index i = 0; i < image.size(); ++i)
        ASSERT_NEAR(image[i], static_cast<std::uint8_t>(raw[static_cast<std::size_t>(i)]), 3) << i;
    }
}

std::string number(std::uint32_t value, int length, bool little) {
  std::string bytes;
  for (int i = 0; i < length; ++i) bytes += static_cast<char>(value >> 8 * (little ? i : length - 1 - i));
  return bytes;
}

/// An APP1 segment of two entries, the second of them the orientation.
std::string segment(int orientation, bool little, std::uint32_t tag = 0x0112, std::uint32_t type = 3,
                    std::uint32_t count = 1) {
  const auto n = [little](std::uint32_t value, int length) { return number(value, length, little); };
  const auto value = static_cast<std::uint32_t>(orientation);
  return std::string("Exif\0\0", 6) + (little ? "II" : "MM") + n(42, 2) + n(8, 4) + n(2, 2) + n(0x0100, 2) + n(4, 2) +
         n(1, 4) + n(640, 4) + n(tag, 2) + n(type, 2) + n(count, 4) + n(value, 2) + n(0, 2) + n(0, 4);
}

TEST(ExifOrientation, IsReadInBothByteOrders) {
  for (const bool little : {true, false}) {
    for (int orientation = 1; orientation <= 8; ++orientation)
      EXPECT_EQ(detail::exif_orientation(segment(orientation, little)), orientation);
    for (const int none : {0, 9, 65535}) EXPECT_EQ(detail::exif_orientation(segment(none, little)), 1);
    EXPECT_EQ(detail::exif_orientation(segment(6, little, 0x0113)), 1);
    EXPECT_EQ(detail::exif_orientation(segment(6, little, 0x0112, 4)), 1);
    EXPECT_EQ(detail::exif_orientation(segment(6, little, 0x0112, 3, 2)), 1);
  }
}

TEST(ExifOrientation, DamagedDataSayNothing) {
  const std::string whole = segment(6, true);
  for (std::size_t length = 0; length + 4 < whole.size(); ++length)
    EXPECT_EQ(detail::exif_orientation(whole.substr(0, length)), 1) << length;
  EXPECT_EQ(detail::exif_orientation("http://ns.adobe.com/xap/1.0/"), 1);
  std::string far = whole;  // the directory lies beyond the end
  std::fill_n(far.begin() + 10, 4, '\xff');
  EXPECT_EQ(detail::exif_orientation(far), 1);
  std::mt19937 random(5);
  for (int i = 0; i < 20000; ++i) {
    const int orientation = detail::exif_orientation(testing_io::mutated(segment(6, i % 2 == 0), random));
    ASSERT_TRUE(orientation >= 1 && orientation <= 8) << orientation;
  }
}

// Exif data may stand behind a PNG's pixels.
TEST_F(Orientation, BehindThePixels) {
  ASSERT_TRUE(python(R"(
import struct, zlib
from PIL import Image
Image.new('RGB', (20, 12), (200, 30, 40)).save('plain.png')
def chunk(tag, data):
    return struct.pack('>I', len(data)) + tag + data + struct.pack('>I', zlib.crc32(tag + data))
bytes = open('plain.png', 'rb').read()
for name, orientation in [('turned', 6), ('damaged', 77)]:
    tiff = b'MM' + struct.pack('>HIH', 42, 8, 1) + struct.pack('>HHIHHI', 0x0112, 3, 1, orientation, 0, 0)
    open(name + '.png', 'wb').write(bytes[:-12] + chunk(b'eXIf', tiff) + bytes[-12:])
)"));
  EXPECT_EQ(read_image(dir_ / "turned.png").shape(), (Shape{20, 12, 3}));
  EXPECT_EQ(read_image(dir_ / "damaged.png").shape(), (Shape{12, 20, 3}));
}

// Damaged Exif data leave the image as it is stored.
TEST_F(Orientation, OfDamagedDataIsAsStored) {
  ASSERT_TRUE(python("from PIL import Image\nImage.new('RGB', (20, 12), (200, 30, 40)).save('a.jpg')"));
  const std::string plain = read_file(dir_ / "a.jpg");
  const auto with = [&](const std::string& app1) {
    const auto length = static_cast<std::uint32_t>(app1.size() + 2);
    return decode_image(plain.substr(0, 2) + "\xff\xe1" + number(length, 2, false) + app1 + plain.substr(2), "a");
  };
  EXPECT_EQ(with(segment(6, false)).shape(), (Shape{20, 12, 3}));
  EXPECT_EQ(with(segment(6, false).substr(0, 34)).shape(), (Shape{12, 20, 3}));
  EXPECT_EQ(with(segment(77, false)).shape(), (Shape{12, 20, 3}));
  EXPECT_EQ(with("").shape(), (Shape{12, 20, 3}));
}

}  // namespace
}  // namespace lamina
