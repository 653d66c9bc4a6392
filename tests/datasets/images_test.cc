#include "datasets/images.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cmath>
#include <cstdlib>
#include <vector>

#include "tests/io/io_checks.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;
using testing_io::error_of;
using testing_io::expect_clear;

using Image = Tensor<std::uint8_t>;

Image pattern(Index height, Index width, Index channels = 3) {
  Image image(Shape{height, width, channels});
  for (Index y = 0; y < height; ++y)
    for (Index x = 0; x < width; ++x)
      for (Index c = 0; c < channels; ++c)
        image(y, x, c) = static_cast<std::uint8_t>((x * 255 / width + y * 7 + c * 90) % 256);
  return image;
}

void expect_equal(const Image& got, const Image& expected, int tolerance = 0) {
  ASSERT_EQ(got.shape(), expected.shape());
  for (Index i = 0; i < got.size(); ++i) ASSERT_LE(std::abs(got[i] - expected[i]), tolerance) << "at " << i;
}

TEST(Png, GoesRound) {
  for (const Shape& shape : {Shape{1, 1, 3}, Shape{5, 3, 3}, Shape{32, 47, 3}}) {
    const Image image = pattern(shape[0], shape[1]);
    expect_equal(decode_image(encode_png(image), "a"), image);
  }
  const Image grey = pattern(4, 6, 1);
  const Image back = decode_image(encode_png(grey), "a");
  const Image flat = decode_image(encode_png(grey.reshaped({4, 6})), "a");
  for (Index i = 0; i < grey.size(); ++i)
    for (Index c = 0; c < 3; ++c) {
      ASSERT_EQ(back[3 * i + c], grey[i]);
      ASSERT_EQ(flat[3 * i + c], grey[i]);
    }
  EXPECT_THROW(encode_png(pattern(2, 2, 2)), std::invalid_argument);
  EXPECT_THROW(encode_png(Image(Shape{0, 2, 3})), std::invalid_argument);
  EXPECT_THROW(encode_png(Image(Shape{2})), std::invalid_argument);
}

TEST(OtherImages, AreNamedAsWhatTheyAre) {
  const auto said = [](std::string_view bytes) { return error_of([&] { decode_image(bytes, "x.jpg"); }); };
  const std::string got = "[read_image] x.jpg: expected a PNG or JPEG image, got ";
  EXPECT_EQ(said(""), got + "an empty file");
  EXPECT_EQ(said("<html>"), got + "a file that starts like neither");
  EXPECT_EQ(said("RIFF1234WEBPVP8 "), got + "a WebP image; convert it to PNG or JPEG");
  EXPECT_EQ(said("RIFF1234WAVE"), got + "a file that starts like neither");
  EXPECT_EQ(said("GIF89a"), got + "a GIF image; convert it to PNG or JPEG");
  EXPECT_EQ(said(std::string_view("BM1234\0\0\0\0", 10)), got + "a BMP image; convert it to PNG or JPEG");
  EXPECT_EQ(said("BMW is a car"), got + "a file that starts like neither");
  for (const char* cut : {"RIFF", "BM", "II", "ftyp", "12ft"})
    EXPECT_EQ(said(cut), got + "a file that starts like neither") << cut;
  const std::string convert = "; convert it to PNG or JPEG";
  EXPECT_EQ(said(std::string_view("\0\0\0\x18"
                                  "ftypheic\0\0",
                                  14)),
            got + "a HEIC image" + convert);
  EXPECT_EQ(said(std::string_view("\0\0\0\x18"
                                  "ftypmif1\0\0",
                                  14)),
            got + "a HEIC image" + convert);
  EXPECT_EQ(said(std::string_view("\0\0\0\x18"
                                  "ftypavif\0\0",
                                  14)),
            got + "an AVIF image" + convert);
  EXPECT_EQ(said(std::string_view("\0\0\0\x18"
                                  "ftypisom\0\0",
                                  14)),
            got + "a file that starts like neither");
  EXPECT_EQ(said(std::string_view("\0\0\0\x0cjP  \r\n\x87\n", 12)), got + "a JPEG 2000 image" + convert);
  EXPECT_EQ(said("\xff\x4f\xff\x51"), got + "a JPEG 2000 image" + convert);
  EXPECT_EQ(said(std::string("\0\0\1\0", 4) + std::string(30, '\1')), got + "an ICO image" + convert);
  EXPECT_EQ(said("%PDF-1.7"), got + "a PDF document" + convert);
  EXPECT_EQ(said("<?xml version=\"1.0\"?>\n<svg xmlns="), got + "an SVG image" + convert);
  EXPECT_EQ(said("<html><svg>"), got + "a file that starts like neither");
  EXPECT_EQ(said("version https://git-lfs.github.com/spec/v1\noid sha256:12\n"),
            got + "a Git LFS pointer instead of the image; 'git lfs pull' fetches it");
}

// Pillow writes every kind of file, and beside it the pixels that are expected, as raw bytes.
class ImageKinds : public testing_io::InDirectory {};

TEST_F(ImageKinds, AreReadAsPillowReadsThem) {
  ASSERT_TRUE(python(R"(
import numpy as np, struct, zlib
from PIL import Image
H, W = 23, 17
y, x = np.mgrid[:H, :W]
rgb = np.stack([x * 15, y * 11, (x + y) * 6], -1).astype(np.uint8)
alpha = (x * 16 % 256).astype(np.uint8)
def over_white(c, a): return ((c.astype(int) * a + 255 * (255 - a.astype(int)) + 127) // 255).astype(np.uint8)
def want(name, pixels): np.ascontiguousarray(pixels, np.uint8).tofile(name + '.raw')
def png(name, colour, depth, rows, extra=b''):
    def chunk(kind, data): return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    open(name, 'wb').write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', W, H, depth, colour, 0, 0, 0))
        + extra + chunk(b'IDAT', zlib.compress(b''.join(b'\0' + r for r in rows))) + chunk(b'IEND', b''))

im = Image.fromarray(rgb)
im.save('rgb.png'); want('rgb.png', rgb)
grey = im.convert('L'); grey.save('grey.png'); want('grey.png', grey.convert('RGB'))
one = im.convert('1'); one.save('one.png'); want('one.png', one.convert('RGB'))
palette = im.quantize(16); palette.save('palette.png'); want('palette.png', palette.convert('RGB'))
rgba = Image.fromarray(np.dstack([rgb, alpha])); rgba.save('rgba.png'); want('rgba.png', over_white(rgb, alpha[..., None]))
la = Image.merge('LA', [grey, Image.fromarray(alpha)]); la.save('la.png')
want('la.png', np.repeat(over_white(np.asarray(grey), alpha)[..., None], 3, -1))
palette.save('clear.png', transparency=3)
p = np.asarray(palette); c = np.asarray(palette.convert('RGB')).copy(); c[p == 3] = 255; want('clear.png', c)
wide = (x * 4000 + y * 37).astype('>u2')
png('grey16.png', 0, 16, [r.tobytes() for r in wide])
want('grey16.png', np.repeat(((wide.astype(int) * 255 + 32895) >> 16)[..., None], 3, -1))
deep = (rgb.astype('>u2') * 257)
png('rgb16.png', 2, 16, [r.tobytes() for r in deep]); want('rgb16.png', rgb)

im.save('base.jpg', quality=90); want('base.jpg', Image.open('base.jpg').convert('RGB'))
im.save('progressive.jpg', quality=80, progressive=True, subsampling=0); want('progressive.jpg', Image.open('progressive.jpg'))
grey.save('grey.jpg'); want('grey.jpg', Image.open('grey.jpg').convert('RGB'))
im.convert('CMYK').save('cmyk.jpg', quality=95); want('cmyk.jpg', rgb)
)"));
  int count = 0;
  for (const auto& entry : fs::directory_iterator(dir_)) {
    const fs::path path = entry.path();
    if (path.extension() != ".png" && path.extension() != ".jpg") continue;
    SCOPED_TRACE(path.filename().string());
    ++count;
    const Image image = read_image(path);
    ASSERT_EQ(image.shape(), (Shape{23, 17, 3}));
    const std::string raw = read_file(path.string() + ".raw");
    Image expected(image.shape());
    ASSERT_EQ(raw.size(), static_cast<std::size_t>(expected.size()));
    std::copy(raw.begin(), raw.end(), expected.begin());
    expect_equal(image, expected, path.stem() == "cmyk" ? 20 : path.extension() == ".jpg" ? 3 : 0);
  }
  EXPECT_EQ(count, 13);
}

// An Adam7 image made here, as Pillow does not write them.
std::string interlaced_png(const Image& image) {
  const auto number = [](std::uint32_t n) {
    return std::string{static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8),
                       static_cast<char>(n)};
  };
  const auto chunk = [&](const std::string& kind, const std::string& data) {
    const std::string body = kind + data;
    const auto crc = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
    return number(static_cast<std::uint32_t>(data.size())) + body + number(static_cast<std::uint32_t>(crc));
  };
  constexpr int kPasses[7][4] = {{0, 0, 8, 8}, {0, 4, 8, 8}, {4, 0, 8, 4}, {0, 2, 4, 4},
                                 {2, 0, 4, 2}, {0, 1, 2, 2}, {1, 0, 2, 1}};  // first y, x; step y, x
  std::string raw;
  for (const auto& [y0, x0, dy, dx] : kPasses)
    for (Index y = y0; y < image.dim(0) && x0 < image.dim(1); y += dy) {
      raw += '\0';
      for (Index x = x0; x < image.dim(1); x += dx)
        for (Index c = 0; c < 3; ++c) raw += static_cast<char>(image(y, x, c));
    }
  std::string packed(compressBound(static_cast<uLong>(raw.size())), '\0');
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(raw.data()),
           static_cast<uLong>(raw.size()));
  packed.resize(size);
  const std::string header = number(static_cast<std::uint32_t>(image.dim(1))) +
                             number(static_cast<std::uint32_t>(image.dim(0))) + std::string("\x08\x02\0\0\1", 5);
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + chunk("IDAT", packed) + chunk("IEND", "");
}

TEST(Png, ReadsInterlacedImages) {
  for (const Shape& shape : {Shape{1, 1}, Shape{3, 9}, Shape{20, 13}}) {
    const Image image = pattern(shape[0], shape[1]);
    expect_equal(decode_image(interlaced_png(image), "a"), image);
  }
}

std::string jpeg_file() {  // 16 x 16, made by Pillow from a gradient; quality 50, optimized tables
  static const std::string bytes = [] {
    std::string name = (fs::temp_directory_path() / "lamina-jpeg-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) return std::string();
    const std::string command =
        "/usr/bin/python3 -c \"from PIL import Image; "
        "Image.linear_gradient('L').resize((16, 16)).convert('RGB').save('" +
        name + "/a.jpg', quality=50, progressive=True)\"";
    std::string result;
    if (std::system(command.c_str()) == 0) result = read_file(name + "/a.jpg");
    fs::remove_all(name);
    return result;
  }();
  return bytes;
}

std::string error_of_image(const std::string& bytes) {
  return error_of([&] { decode_image(bytes, "a"); });
}

// Chunk checksums made right again after a change, so that it reaches the decoder behind them.
std::string with_right_checksums(std::string png) {
  const auto number_at = [&](std::size_t at) {
    std::uint32_t n = 0;
    for (std::size_t i = 0; i < 4; ++i) n = n << 8 | static_cast<std::uint8_t>(png[at + i]);
    return n;
  };
  for (std::size_t at = 8; at + 12 <= png.size();) {
    const std::size_t length = number_at(at);
    if (length > png.size() - at - 12) break;
    const auto crc = crc32(0, reinterpret_cast<const Bytef*>(png.data() + at + 4), static_cast<uInt>(length + 4));
    for (std::size_t i = 0; i < 4; ++i) png[at + 8 + length + i] = static_cast<char>(crc >> (24 - 8 * i));
    at += length + 12;
  }
  return png;
}

TEST(DamagedImages, CutShortAtEveryByteAreRefused) {
  for (const std::string& whole : {encode_png(pattern(9, 7)), interlaced_png(pattern(9, 7)), jpeg_file()}) {
    ASSERT_EQ(error_of_image(whole), "");
    for (std::size_t n = 0; n + 2 < whole.size(); ++n) expect_clear(error_of_image(whole.substr(0, n)));
  }
}

TEST(DamagedImages, MutationsAreReadOrRefused) {
  const std::vector<std::string> files = {encode_png(pattern(9, 7)), interlaced_png(pattern(9, 7)), jpeg_file()};
  std::mt19937 random(3);
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = testing_io::mutated(files[i % 2 == 0 ? 2 : static_cast<std::size_t>(i / 2 % 2)], random);
    if (i % 4 >= 2) bytes = with_right_checksums(bytes);
    const std::string error = error_of_image(bytes);
    if (error.empty()) continue;
    ++refused;
    expect_clear(error);
  }
  EXPECT_GT(refused, 10000);
}

TEST_F(ImageKinds, RefusesWhatIsNoImageOrTooLarge) {
  for (const std::string& bytes : {std::string(), std::string("GIF89a"), std::string(100, '\0')}) {
    write_file_atomically(dir_ / "a.png", bytes);
    expect_clear(error_of([&] { read_image(dir_ / "a.png"); }));
  }
  expect_clear(error_of([&] { read_image(dir_); }));
  expect_clear(error_of([&] { read_image(dir_ / "absent.png"); }));
  std::string png = encode_png(pattern(2, 2));
  png[18] = 0x41;  // 16,642 wide
  EXPECT_NE(error_of_image(with_right_checksums(png)).find("got: "), std::string::npos);
  png[18] = 0x30;  // 12,290 x 12,290: within the sides, beyond the bytes
  png[22] = 0x30;
  EXPECT_NE(error_of_image(with_right_checksums(png)).find("bytes of pixels"), std::string::npos);
}

TEST(Resize, AveragesAreasAndInterpolates) {
  Image image(Shape{1, 4, 1});
  for (Index i = 0; i < 4; ++i) image[i] = static_cast<std::uint8_t>(40 * i);
  const auto values = [](const Image& im) { return std::vector<int>(im.begin(), im.end()); };
  EXPECT_EQ(values(resize_image(image, 1, 4)), (std::vector<int>{0, 40, 80, 120}));
  EXPECT_EQ(values(resize_image(image, 1, 2)), (std::vector<int>{20, 100}));
  EXPECT_EQ(values(resize_image(image, 1, 1)), (std::vector<int>{60}));
  // Each of 3 covers 4/3 pixels: (0 + 40/3) * 3/4, (40 * 2/3 + 80 * 2/3) * 3/4, ...
  EXPECT_EQ(values(resize_image(image, 1, 3)), (std::vector<int>{10, 60, 110}));
  EXPECT_EQ(values(resize_image(image, 1, 8)), (std::vector<int>{0, 10, 30, 50, 70, 90, 110, 120}));
  EXPECT_EQ(resize_image(image, 3, 4)(2, 3, 0), 120);
  EXPECT_EQ(values(resize_image(Image(Shape{1, 1, 3}, 9), 2, 1)), std::vector<int>(6, 9));

  const Image photo = pattern(61, 83);
  double sum = 0;
  double small_sum = 0;
  const Image small = resize_image(photo, 7, 9);
  for (const std::uint8_t v : photo) sum += v;
  for (const std::uint8_t v : small) small_sum += v;
  EXPECT_NEAR(sum / static_cast<double>(photo.size()), small_sum / static_cast<double>(small.size()), 0.3);
  const Image white(Shape{50, 31, 3}, 255);
  for (const std::uint8_t v : resize_image(white, 32, 32)) ASSERT_EQ(v, 255);
  EXPECT_THROW(resize_image(image, 0, 3), std::invalid_argument);
  EXPECT_THROW(resize_image(Image(Shape{0, 4, 3}), 3, 3), std::invalid_argument);
}

TEST(FitImage, CropsResizesAndTurns) {
  const Image wide = pattern(4, 9);
  const Image square = centre_crop(wide);
  ASSERT_EQ(square.shape(), (Shape{4, 4, 3}));
  EXPECT_EQ(square(1, 0, 2), wide(1, 2, 2));
  EXPECT_EQ(centre_crop(pattern(9, 4), 1, 2).shape(), (Shape{2, 4, 3}));
  EXPECT_EQ(centre_crop(pattern(1, 500), 3, 2).shape(), (Shape{1, 1, 3}));

  const Image input = fit_image(wide, {3, 4, 4});
  for (Index c = 0; c < 3; ++c) ASSERT_EQ(input(c, 3, 1), square(3, 1, c));
  const Image grey = fit_image(wide, {1, 4, 4});
  EXPECT_EQ(grey(0, 3, 1), std::lround(0.299 * square(3, 1, 0) + 0.587 * square(3, 1, 1) + 0.114 * square(3, 1, 2)));
  EXPECT_THROW(fit_image(wide, {2, 4, 4}), std::invalid_argument);
  EXPECT_THROW(fit_image(wide, {3, 4}), std::invalid_argument);
}

}  // namespace
}  // namespace lamina
