#include "datasets/image_folder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "datasets/held_out.h"
#include "datasets/image_files.h"
#include "datasets/images.h"
#include "lamina/check.h"
#include "lamina/memory.h"
#include "lamina/random.h"
#include "lamina/threads.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLoadImageFolder = "load_image_folder";

struct Image {
  fs::path path;
  Label label;
};

struct Parts {
  std::vector<Image> train, val, test;
};

std::array<const std::vector<Image>*, 3> lists_of(const Parts& parts) {
  return {&parts.train, &parts.val, &parts.test};
}

// Holds out of the training images what the folder does not give: for validation, and for testing where it gives
// neither.
Parts split(const ImageFiles& found, const ImageFolderOptions& options) {
  RandomState random(options.split_seed);
  Parts parts;
  const double val_fraction = found.has_val ? 0 : options.val_fraction;
  const double test_fraction = found.has_val || found.has_test ? 0 : options.test_fraction;
  for (std::size_t c = 0; c < found.train.size(); ++c) {
    const auto n = static_cast<Index>(found.train[c].size());
    const auto [order, num_val, num_test] = hold_out(n, val_fraction, test_fraction, random);
    const auto label = static_cast<Label>(c);
    for (Index i = 0; i < n; ++i) {
      std::vector<Image>& part = i < num_val ? parts.val : i < num_val + num_test ? parts.test : parts.train;
      part.push_back({found.train[c][static_cast<std::size_t>(order[static_cast<std::size_t>(i)])], label});
    }
    for (const fs::path& file : found.val[c]) parts.val.push_back({file, label});
    for (const fs::path& file : found.test[c]) parts.test.push_back({file, label});
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
  Tensor<std::uint8_t> images;      // (N, C, H, W)
  std::vector<std::string> faults;  // what is wrong with each file; empty: nothing
  bool grey = true;
};

Pixels read_all(const std::vector<Image>& files, Index channels, const ImageFolderOptions& options) {
  constexpr Index kImagesAJob = 16;
  const auto count = static_cast<Index>(files.size());
  Pixels pixels;
  pixels.images.resize(Shape{count, channels, options.height, options.width});
  pixels.faults.resize(files.size());
  const Index jobs = (count + kImagesAJob - 1) / kImagesAJob;
  std::vector<char> grey(static_cast<std::size_t>(jobs), 1);
  const auto errors = side_by_side(jobs, [&](Index job) {
    for (Index i = job * kImagesAJob; i < std::min(count, (job + 1) * kImagesAJob); ++i) {
      const auto at = static_cast<std::size_t>(i);
      try {
        const Tensor<std::uint8_t> image = read_image(files[at].path);
        if (!all_grey(image)) grey[static_cast<std::size_t>(job)] = 0;
        const Tensor<std::uint8_t> fitted = fit_image(image, Shape{channels, options.height, options.width});
        std::copy(fitted.begin(), fitted.end(), pixels.images.data() + i * fitted.size());
      } catch (const std::runtime_error& error) {
        pixels.faults[at] = error.what();
      }
    }
  });
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
  pixels.grey = std::find(grey.begin(), grey.end(), 0) == grey.end();
  return pixels;
}

// The folder of a class that a file in it, or in a folder below it, belongs to.
fs::path folder_of_class(const fs::path& file, const std::string& name) {
  fs::path folder = file.parent_path();
  while (folder.filename() != name && folder.has_relative_path()) folder = folder.parent_path();
  return folder;
}

// Takes away the files that cannot be read. Throws where a folder of a class has no others.
void drop_broken(ImageFiles& found, const std::set<fs::path>& broken) {
  for (ImageFiles::Classes* part : {&found.train, &found.val, &found.test})
    for (std::size_t c = 0; c < part->size(); ++c) {
      std::vector<fs::path>& files = (*part)[c];
      if (files.empty()) continue;
      const fs::path folder = folder_of_class(files.front(), found.class_names[c]);
      std::erase_if(files, [&](const fs::path& file) { return broken.contains(file); });
      if (files.empty())
        fail_file(kLoadImageFolder, folder, "expected images that can be read in each class's folder, found none");
    }
}

// The pixels of the images in `parts`, which were read in another order.
std::array<Pixels, 3> rearranged(const std::array<Pixels, 3>& pixels, const Parts& read, const Parts& parts) {
  std::map<fs::path, const std::uint8_t*> place;
  const Tensor<std::uint8_t>& any = pixels[0].images;
  const Index each = any.dim(1) * any.dim(2) * any.dim(3);
  for (std::size_t p = 0; p < pixels.size(); ++p)
    for (std::size_t i = 0; i < lists_of(read)[p]->size(); ++i)
      place[(*lists_of(read)[p])[i].path] = pixels[p].images.data() + static_cast<Index>(i) * each;
  std::array<Pixels, 3> result;
  for (std::size_t p = 0; p < pixels.size(); ++p) {
    const std::vector<Image>& files = *lists_of(parts)[p];
    result[p].grey = pixels[p].grey;
    result[p].images.resize(Shape{static_cast<Index>(files.size()), any.dim(1), any.dim(2), any.dim(3)});
    std::uint8_t* to = result[p].images.data();
    for (std::size_t i = 0; i < files.size(); ++i, to += each) std::copy_n(place.at(files[i].path), each, to);
  }
  return result;
}

// "3 files: ant/1.png, bee/7.png (expected a PNG or JPEG image, got an empty file), ...": each fault once, behind the
// first files that have it.
std::string list_of_broken(const fs::path& directory, std::vector<std::pair<fs::path, std::string>> broken) {
  constexpr std::size_t kListed = 10;
  std::sort(broken.begin(), broken.end());
  std::vector<std::pair<std::string, std::vector<std::string>>> groups;  // of a fault, by its first file
  for (const auto& [path, fault] : broken) {
    const std::size_t start = fault.find("] ") + 2 + path.native().size() + 2;  // "[read_image] path: what is wrong"
    const std::string reason = start < fault.size() ? fault.substr(start) : fault;
    auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& each) { return each.first == reason; });
    if (group == groups.end()) group = groups.insert(groups.end(), {reason, {}});
    group->second.push_back(path.lexically_relative(directory).string());
  }
  std::string text = std::to_string(broken.size()) + (broken.size() == 1 ? " file: " : " files: ");
  std::size_t listed = 0, told = 0;
  for (const auto& [reason, files] : groups) {
    if (listed == kListed) break;
    const std::size_t count = std::min(files.size(), kListed - listed);
    for (std::size_t i = 0; i < count; ++i) text += (listed + i > 0 ? ", " : "") + files[i];
    if (count < files.size()) text += " and " + std::to_string(files.size() - count) + " others";
    text += " (" + reason + ")";
    listed += count;
    told += files.size();
  }
  return told < broken.size() ? text + " and " + std::to_string(broken.size() - told) + " others" : text;
}

// Fails for images that cannot be read, or says that they are left out and draws the split among the others.
void settle_broken(const fs::path& directory, ImageFiles& found, Parts& parts, std::array<Pixels, 3>& pixels,
                   const ImageFolderOptions& options) {
  std::vector<std::pair<fs::path, std::string>> broken;
  std::set<fs::path> paths;
  for (std::size_t p = 0; p < pixels.size(); ++p)
    for (std::size_t i = 0; i < pixels[p].faults.size(); ++i)
      if (!pixels[p].faults[i].empty()) {
        broken.emplace_back((*lists_of(parts)[p])[i].path, pixels[p].faults[i]);
        paths.insert(broken.back().first);
      }
  if (broken.empty()) return;
  const std::string list = list_of_broken(directory, std::move(broken));
  if (!options.skip_broken)
    fail_file("read_image", directory, "expected images that can be read (", options.remedy, "), found ", list);
  if (options.say) options.say("skipped what cannot be read in " + directory.string() + ": " + list);
  drop_broken(found, paths);
  const Parts read = std::exchange(parts, split(found, options));
  pixels = rearranged(pixels, read, parts);
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
    if (side < 1 || side > kMaxImageSide)
      fail(kLoadImageFolder, "expected sides of 1 to ", kMaxImageSide, ", got ", side);
  if (options.channels != 0 && options.channels != 1 && options.channels != 3)
    fail(kLoadImageFolder, "expected 0, 1 or 3 channels, got ", options.channels);
  check_fractions(kLoadImageFolder, options.val_fraction, options.test_fraction);
}

// Says which shares have no effect, if they are other than the usual ones.
void tell_unused_fractions(const ImageFiles& found, const ImageFolderOptions& options) {
  const ImageFolderOptions usual;
  std::string unused;
  if (found.has_val && options.val_fraction != usual.val_fraction) unused = "--val-fraction";
  if ((found.has_val || found.has_test) && options.test_fraction != usual.test_fraction)
    unused += (unused.empty() ? "" : " and ") + std::string("--test-fraction");
  if (unused.empty() || !options.say) return;
  const bool both = unused.find(' ') != std::string::npos;
  options.say(unused + (both ? " have" : " has") + " no effect, since the folder has a split of its own");
}

void check_fits_memory(const fs::path& directory, const ImageFiles& found, const ImageFolderOptions& options) {
  double count = 0;
  for (const ImageFiles::Classes* part : {&found.train, &found.val, &found.test})
    for (const auto& files : *part) count += static_cast<double>(files.size());
  const double bytes = 3 * count * static_cast<double>(options.height) * static_cast<double>(options.width);
  const double has = machine_memory();
  if (bytes > 0.8 * has)
    fail_file(kLoadImageFolder, directory, "expected images that fit into the machine's ", std::llround(has / 1e9),
              " GB of memory, found ", std::llround(count), ", which take ", std::llround(bytes / 1e9), " GB as ",
              options.height, " x ", options.width, " pixels");
}

}  // namespace

bool is_image_folder(const fs::path& directory) { return holds_class_folders(directory); }

bool has_test_images(const fs::path& directory, const ImageFolderOptions& options) {
  check_options(options);
  return !split(find_image_files(directory), options).test.empty();
}

Dataset load_image_folder(const fs::path& directory, const ImageFolderOptions& options) {
  check_options(options);
  ImageFiles found = find_image_files(directory, options.say, options.only_warnings);
  tell_unused_fractions(found, options);
  check_fits_memory(directory, found, options);
  Parts parts = split(found, options);
  std::array<Pixels, 3> pixels;
  const Index channels = options.channels != 0 ? options.channels : 3;
  for (std::size_t i = 0; i < 3; ++i) pixels[i] = read_all(*lists_of(parts)[i], channels, options);
  settle_broken(directory, found, parts, pixels, options);
  if (parts.val.empty())
    fail_file(kLoadImageFolder, directory,
              "expected images for validation, found none: each class has a single image, or the "
              "fraction for validation is 0");
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
  for (std::size_t i = 0; i < 3; ++i) {
    splits[i]->X = Examples(std::make_shared<const Tensor<std::uint8_t>>(std::move(pixels[i].images)), data.mean);
    for (const Image& image : *lists_of(parts)[i]) splits[i]->y.push_back(image.label);
  }
  return data;
}

}  // namespace lamina
