#include "datasets/image_folder.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <exception>
#include <string>
#include <vector>

#include "datasets/images.h"
#include "lamina/check.h"
#include "lamina/random.h"
#include "lamina/threads.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWhere = "load_image_folder";

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

bool has_image_name(const fs::path& path) {
  std::string end = path.extension().string();
  std::transform(end.begin(), end.end(), end.begin(), [](unsigned char c) { return std::tolower(c); });
  return end == ".png" || end == ".jpg" || end == ".jpeg";
}

bool is_image(const fs::directory_entry& entry) {
  std::error_code error;
  return !is_hidden(entry.path()) && has_image_name(entry.path()) && !entry.is_directory(error);
}

bool is_class(const fs::directory_entry& entry) {
  std::error_code error;
  return !is_hidden(entry.path()) && entry.is_directory(error);
}

// The entries of a directory, ordered by name.
std::vector<fs::directory_entry> entries_of(const fs::path& directory) {
  std::error_code error;
  std::vector<fs::directory_entry> entries;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    entries.push_back(*it);
  if (error) fail_file(kWhere, directory, "expected a directory that can be read, found: ", error.message());
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.path().filename().string() < b.path().filename().string(); });
  return entries;
}

struct Image {
  fs::path path;
  Label label;
};

struct Found {
  std::vector<std::string> class_names;
  std::vector<std::vector<fs::path>> files;  // of each class
  Index skipped = 0;
  fs::path first_skipped;
  void skip(const fs::path& path) {
    if (skipped++ == 0) first_skipped = path;
  }
};

Found find_images(const fs::path& directory) {
  Found found;
  for (const fs::directory_entry& folder : entries_of(directory)) {
    if (!is_class(folder)) {
      found.skip(folder.path());
      continue;
    }
    std::vector<fs::path> files;
    for (const fs::directory_entry& file : entries_of(folder.path()))
      if (is_image(file))
        files.push_back(file.path());
      else
        found.skip(file.path());
    if (files.empty())
      fail_file(kWhere, folder.path(), "expected PNG or JPEG images in each class's folder, found none");
    found.class_names.push_back(folder.path().filename().string());
    found.files.push_back(std::move(files));
  }
  if (found.files.size() < 2)
    fail_file(kWhere, directory, "expected two or more folders, one a class, found ", found.files.size());
  return found;
}

// How many of the n images of a class to hold out.
Index share(Index n, double fraction) {
  if (fraction == 0 || n < 2) return 0;
  return std::max<Index>(1, std::llround(static_cast<double>(n) * fraction));
}

struct Parts {
  std::vector<Image> train, val, test;
};

Parts split(const Found& found, const ImageFolderOptions& options) {
  RandomState random(options.split_seed);
  Parts parts;
  for (std::size_t c = 0; c < found.files.size(); ++c) {
    const auto n = static_cast<Index>(found.files[c].size());
    const Index num_val = std::min(n - 1, share(n, options.val_fraction));
    Index num_test = share(n, options.test_fraction);
    num_test = std::min(n - 1 - num_val, num_test);
    const auto order = random.permutation(n);
    for (Index i = 0; i < n; ++i) {
      std::vector<Image>& part = i < num_val ? parts.val : i < num_val + num_test ? parts.test : parts.train;
      part.push_back(
          {found.files[c][static_cast<std::size_t>(order[static_cast<std::size_t>(i)])], static_cast<Label>(c)});
    }
  }
  random.shuffle(std::span<Image>(parts.train));
  return parts;
}

bool all_grey(const TensorView<std::uint8_t>& image) {  // (H, W, 3)
  for (Index i = 0; i < image.size(); i += 3)
    if (image[i] != image[i + 1] || image[i] != image[i + 2]) return false;
  return true;
}

struct Pixels {
  Tensor<std::uint8_t> images;  // (N, C, H, W)
  bool grey = true;
};

Pixels read_all(const std::vector<Image>& files, Index channels, const ImageFolderOptions& options) {
  constexpr Index kImagesAJob = 16;
  const auto count = static_cast<Index>(files.size());
  Pixels pixels;
  pixels.images.resize(Shape{count, channels, options.height, options.width});
  const Index jobs = (count + kImagesAJob - 1) / kImagesAJob;
  std::vector<char> grey(static_cast<std::size_t>(jobs), 1);
  const auto errors = side_by_side(jobs, [&](Index job) {
    for (Index i = job * kImagesAJob; i < std::min(count, (job + 1) * kImagesAJob); ++i) {
      const Tensor<std::uint8_t> image = read_image(files[static_cast<std::size_t>(i)].path);
      if (!all_grey(image)) grey[static_cast<std::size_t>(job)] = 0;
      const Tensor<std::uint8_t> fitted = fit_image(image, Shape{channels, options.height, options.width});
      std::copy(fitted.begin(), fitted.end(), pixels.images.data() + i * fitted.size());
    }
  });
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
  pixels.grey = std::find(grey.begin(), grey.end(), 0) == grey.end();
  return pixels;
}

// The images with only the first of three equal channels.
Tensor<std::uint8_t> one_channel(const Tensor<std::uint8_t>& images) {
  const Index N = images.dim(0), area = images.dim(2) * images.dim(3);
  Tensor<std::uint8_t> out;
  out.resize(Shape{N, 1, images.dim(2), images.dim(3)});
  for (Index i = 0; i < N; ++i) std::copy_n(images.data() + 3 * i * area, area, out.data() + i * area);
  return out;
}

void check_options(const ImageFolderOptions& options) {
  for (const Index side : {options.height, options.width})
    if (side < 1 || side > kMaxImageSide) fail(kWhere, "expected sides of 1 to ", kMaxImageSide, ", got ", side);
  if (options.channels != 0 && options.channels != 1 && options.channels != 3)
    fail(kWhere, "expected 0, 1 or 3 channels, got ", options.channels);
  for (const double fraction : {options.val_fraction, options.test_fraction})
    if (!(fraction >= 0 && fraction < 1)) fail(kWhere, "expected fractions of 0 to below 1, got ", fraction);
  if (!(options.val_fraction + options.test_fraction < 1))
    fail(kWhere, "expected fractions that leave images to train on, got ", options.val_fraction, " and ",
         options.test_fraction);
}

void check_fits_memory(const fs::path& directory, const Found& found, const ImageFolderOptions& options) {
  double count = 0;
  for (const auto& files : found.files) count += static_cast<double>(files.size());
  const double bytes = 3 * count * static_cast<double>(options.height) * static_cast<double>(options.width);
  const double has = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  if (bytes > 0.8 * has)
    fail_file(kWhere, directory, "expected images that fit into the machine's ", std::llround(has / 1e9),
              " GB of memory, found ", std::llround(count), ", which take ", std::llround(bytes / 1e9), " GB as ",
              options.height, " x ", options.width, " pixels");
}

}  // namespace

bool is_image_folder(const fs::path& directory) {
  std::error_code error;
  if (!fs::is_directory(directory, error)) return false;
  for (const fs::directory_entry& folder : entries_of(directory)) {
    if (!is_class(folder)) continue;
    fs::directory_iterator it(folder.path(), error);
    for (const fs::directory_iterator end; !error && it != end; it.increment(error))
      if (is_image(*it)) return true;
  }
  return false;
}

Dataset load_image_folder(const fs::path& directory, const ImageFolderOptions& options) {
  check_options(options);
  Found found = find_images(directory);
  if (found.skipped > 0 && options.say)
    options.say("skipped " + std::to_string(found.skipped) +
                (found.skipped == 1 ? " entry that is" : " entries that are") +
                " hidden, or no PNG or JPEG file in a class's folder: " + found.first_skipped.string() +
                (found.skipped == 1 ? "" : " and others"));
  check_fits_memory(directory, found, options);
  const Parts parts = split(found, options);
  if (parts.val.empty())
    fail_file(kWhere, directory,
              "expected images for validation, found none: each class has a single image, or the "
              "fraction for validation is 0");

  const std::vector<Image>* lists[] = {&parts.train, &parts.val, &parts.test};
  Pixels pixels[3];
  const Index channels = options.channels != 0 ? options.channels : 3;
  for (int i = 0; i < 3; ++i) pixels[i] = read_all(*lists[i], channels, options);
  if (options.channels == 0 && pixels[0].grey && pixels[1].grey && pixels[2].grey)
    for (Pixels& part : pixels) part.images = one_channel(part.images);

  Dataset data;
  fs::path whole = fs::absolute(directory).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  data.name = whole.filename().string();
  data.class_names = std::move(found.class_names);
  for (const std::string& name : data.class_names) data.identity += name + '\n';
  data.mean = std::make_shared<const Tensor<double>>(mean_image(pixels[0].images));
  Split* splits[] = {&data.train, &data.val, &data.test};
  for (int i = 0; i < 3; ++i) {
    splits[i]->X = Examples(std::make_shared<const Tensor<std::uint8_t>>(std::move(pixels[i].images)), data.mean);
    for (const Image& image : *lists[i]) splits[i]->y.push_back(image.label);
  }
  return data;
}

}  // namespace lamina
