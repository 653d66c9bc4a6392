#include "datasets/image_files.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <set>

#include "lamina/check.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFinder = "load_image_folder";
constexpr const char* kMacFolder = "__MACOSX";  // what a Mac adds to its archives: notes on files, named like these

std::string in_lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool is_passed_over(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with('.') || name == kMacFolder;
}

bool has_image_name(const fs::path& path) {
  const std::string end = in_lower_case(path.extension().string());
  for (const char* known : {".png", ".jpg", ".jpeg", ".jpe", ".jfif"})
    if (end == known) return true;
  return false;
}

// The format of an image that is not read, by its file's name; otherwise empty.
std::string foreign_format(const fs::path& path) {
  const std::string end = in_lower_case(path.extension().string());
  for (const auto& [suffix, format] :
       {std::pair(".webp", "WebP"), std::pair(".bmp", "BMP"), std::pair(".gif", "GIF"), std::pair(".tif", "TIFF"),
        std::pair(".tiff", "TIFF"), std::pair(".heic", "HEIC"), std::pair(".avif", "AVIF")})
    if (end == suffix) return format;
  return {};
}

enum class Part { none, train, val, test };

Part part_named(const fs::path& folder) {
  const std::string name = in_lower_case(folder.filename().string());
  if (name == "train" || name == "training") return Part::train;
  if (name == "val" || name == "valid" || name == "validation") return Part::val;
  return name == "test" || name == "testing" ? Part::test : Part::none;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 < words.size() ? ", " : " and ") + words[i];
  return text;
}

// The entries of a directory, ordered by name.
std::vector<fs::path> entries_of(const fs::path& directory) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    entries.push_back(it->path());
  if (error) fail_file(kFinder, directory, "expected a directory that can be read, found: ", error.message());
  std::sort(entries.begin(), entries.end(),
            [](const fs::path& a, const fs::path& b) { return a.filename().native() < b.filename().native(); });
  return entries;
}

// Calls visit(path, passed_over) for all entries of a folder and of the folders below it, until it returns false. What
// is in folders that are passed over, and in linked ones, which may form a circle, is not visited.
template <class Visit>
void walk(const fs::path& folder, const Visit& visit) {
  constexpr int kDeepest = 8;
  std::error_code error, ignored;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const bool directory = it->is_directory(ignored), skip = is_passed_over(it->path());
    if (directory && (skip || it.depth() >= kDeepest)) it.disable_recursion_pending();
    if (directory && !skip && !it->is_symlink(ignored)) continue;
    if (!visit(it->path(), skip || directory)) return;
  }
  if (error) fail_file(kFinder, folder, "expected a directory that can be read, found: ", error.message());
}

bool has_an_image(const fs::path& folder) {
  bool found = false;
  walk(folder, [&](const fs::path& path, bool passed_over) {
    found = !passed_over && (has_image_name(path) || !foreign_format(path).empty());
    return !found;
  });
  return found;
}

// The folders in a directory, ordered by name.
std::vector<fs::path> folders_in(const fs::path& directory) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (const fs::path& path : entries_of(directory))
    if (!is_passed_over(path) && fs::is_directory(path, error)) folders.push_back(path);
  return folders;
}

std::vector<fs::path> folders_with_images(const fs::path& directory) {
  std::vector<fs::path> folders = folders_in(directory);
  std::erase_if(folders, [](const fs::path& folder) { return !has_an_image(folder); });
  return folders;
}

// Whether a directory has a split: train, and a folder for another part, both with images; and classes in train.
bool has_split(const std::vector<fs::path>& with_images) {
  bool train = false, other = false;
  for (const fs::path& folder : with_images) {
    const Part part = part_named(folder);
    if (part == Part::train) train = !folders_with_images(folder).empty();
    other = other || part == Part::val || part == Part::test;
  }
  return train && other;
}

// The classes that names of files such as cat.0.jpg suggest: 2 to 20 beginnings of letters.
std::vector<std::string> classes_in_names(const fs::path& folder) {
  std::set<std::string> words;
  for (const fs::path& path : entries_of(folder)) {
    if (is_passed_over(path) || !has_image_name(path)) continue;
    const std::string name = path.stem().string();
    words.insert(name.substr(0, name.find_first_of("0123456789._- ")));
  }
  const bool plausible = words.size() >= 2 && words.size() <= 20 && !words.contains("");
  return plausible ? std::vector<std::string>(words.begin(), words.end()) : std::vector<std::string>();
}

// How to sort the images in a folder into classes.
std::string how_to_sort(const fs::path& folder) {
  const std::vector<std::string> classes = classes_in_names(folder);
  fs::path whole = fs::absolute(folder).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  const std::string name = whole.filename().string();
  return "sort the images of " + name + " into a folder for each class, such as " + name + "/" +
         (classes.empty() ? "cat" : classes.front() + "; the files' names suggest the classes " + joined(classes));
}

// Refuses folders train, val, test that have the images themselves, as contests give them: they would be the classes.
void check_no_flat_split(const fs::path& directory, const std::vector<fs::path>& with_images) {
  std::vector<std::string> names;
  fs::path train;
  for (const fs::path& folder : with_images) {
    const Part part = part_named(folder);
    if (part == Part::none) return;
    if (part == Part::train) train = folder;
    names.push_back(folder.filename().string());
  }
  if (train.empty() || names.size() < 2) return;
  fail_file(kFinder, directory, "expected one folder of images a class, found the folders ", joined(names),
            " of a split without classes: ", how_to_sort(train));
}

// Warns of classes that are rather parts of a split.
void tell_odd_classes(const std::vector<std::string>& class_names, const std::function<void(std::string_view)>& say) {
  std::vector<std::string> odd;
  for (const std::string& name : class_names)
    if (part_named(name) != Part::none) odd.push_back(name);
  if (odd.empty()) return;
  say("trained as classes: " + joined(odd) +
      ", though the names are those of a split's parts; a split has the folders " +
      "train and test (and val), and in each of them the folders of the classes");
}

// Where all folders hold the same two or more folders, these may be the classes. Refuses parts of a split of which
// train is missing, and warns of others.
void check_folders_in_classes(const std::vector<fs::path>& with_images,
                              const std::function<void(std::string_view)>& say) {
  std::vector<std::string> names, inner;
  bool parts = true;
  for (const fs::path& folder : with_images) {
    std::vector<std::string> own;
    for (const fs::path& below : folders_with_images(folder)) own.push_back(below.filename().string());
    if (!names.empty() && own != inner) return;
    inner = own;
    names.push_back(folder.filename().string());
    parts = parts && part_named(folder) != Part::none;
  }
  if (names.size() < 2 || inner.size() < 2) return;
  if (parts)
    fail_file(kFinder, with_images.front().parent_path(), "expected a folder train in a split, found only ",
              joined(names), ", each with the folders ", joined(inner));
  if (say)
    say("trained as classes: " + joined(names) + ", though each of them has the same folders, " + joined(inner) +
        "; if those are the classes, give one of the outer folders, or call them train and test (and val)");
}

// Tells which classes a part of a split has no images of.
void tell_missing_classes(const ImageFiles& found, const std::function<void(std::string_view)>& say) {
  const auto tell = [&](const char* part, const ImageFiles::Classes& files) {
    std::vector<std::string> missing;
    for (std::size_t i = 0; i < files.size(); ++i)
      if (files[i].empty()) missing.push_back(found.class_names[i]);
    if (!missing.empty()) say(std::string("the folder's ") + part + " images have none of " + joined(missing));
  };
  if (found.has_val) tell("validation", found.val);
  if (found.has_test) tell("test", found.test);
}

// Follows folders that are the only one with images down to those of classes or of a split.
fs::path follow_only_folders(const fs::path& directory) {
  constexpr int kDeepest = 8;
  fs::path at = directory;
  for (int depth = 0; depth <= kDeepest; ++depth) {
    const std::vector<fs::path> folders = folders_with_images(at);
    if (folders.size() > 1) return at;
    if (folders.empty()) break;
    at = folders.front();
  }
  return directory;
}

// What find_image_files() does not use, and tells in the end.
class PassedOver {
 public:
  void add(const fs::path& path) {
    if (path.filename() == kMacFolder)
      mac_.push_back(path);
    else if (!path.filename().native().starts_with('.') && !foreign_format(path).empty())
      foreign_.push_back(path);
    else
      others_.push_back(path);
  }

  void tell(const std::function<void(std::string_view line)>& say) {
    if (!others_.empty())
      say("skipped " + std::to_string(others_.size()) + (others_.size() == 1 ? " entry that is" : " entries that are") +
          " hidden, or no PNG or JPEG file in a class's folder: " + first(others_));
    if (!foreign_.empty()) {
      std::set<std::string> formats;
      for (const fs::path& path : foreign_) formats.insert(foreign_format(path));
      say("skipped " + std::to_string(foreign_.size()) + " " + joined({formats.begin(), formats.end()}) + " image" +
          (foreign_.size() == 1 ? "" : "s") +
          ", to be converted to PNG or JPEG before they can be used: " + first(foreign_));
    }
    if (!mac_.empty()) say("skipped what a Mac added to its archive: " + first(mac_));
  }

 private:
  static std::string first(std::vector<fs::path>& paths) {
    const auto least = std::min_element(paths.begin(), paths.end());
    return least->string() + (paths.size() == 1 ? "" : " and others");
  }
  std::vector<fs::path> others_, foreign_, mac_;
};

std::vector<fs::path> files_of_class(const fs::path& folder, PassedOver& passed_over) {
  std::vector<fs::path> files;
  std::set<std::string> formats;
  walk(folder, [&](const fs::path& path, bool skip) {
    if (!skip && has_image_name(path)) {
      files.push_back(path);
    } else {
      passed_over.add(path);
      if (const std::string format = foreign_format(path); !skip && !format.empty()) formats.insert(format);
    }
    return true;
  });
  if (files.empty() && !formats.empty())
    fail_file(kFinder, folder, "expected PNG or JPEG images in each class's folder, found only ",
              joined({formats.begin(), formats.end()}), " images: convert them to PNG or JPEG");
  if (files.empty()) fail_file(kFinder, folder, "expected PNG or JPEG images in each class's folder, found none");
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) { return a.native() < b.native(); });
  return files;
}

// Adds the images of the classes in a directory. Where `found` has classes already, they are all that there may be.
void add_classes(const fs::path& directory, ImageFiles& found, ImageFiles::Classes ImageFiles::*part,
                 PassedOver& passed_over) {
  const bool first = found.class_names.empty();
  (found.*part).resize(found.class_names.size());
  for (const fs::path& folder : entries_of(directory)) {
    std::error_code error;
    if (is_passed_over(folder) || !fs::is_directory(folder, error)) {
      passed_over.add(folder);
      continue;
    }
    const std::string name = folder.filename().string();
    auto at = std::find(found.class_names.begin(), found.class_names.end(), name);
    if (at == found.class_names.end()) {
      if (!first)
        fail_file(kFinder, folder, "expected the classes that train has, ", joined(found.class_names),
                  ", found another one");
      at = found.class_names.insert(at, name);
      (found.*part).emplace_back();
    }
    std::vector<fs::path> files = files_of_class(folder, passed_over);
    auto& all = (found.*part)[static_cast<std::size_t>(at - found.class_names.begin())];
    std::move(files.begin(), files.end(), std::back_inserter(all));
  }
}

// The parts of a split. train comes first, since it says which classes there are.
ImageFiles find_split(const fs::path& directory, PassedOver& passed_over) {
  ImageFiles found;
  std::vector<fs::path> entries = entries_of(directory);
  std::stable_partition(entries.begin(), entries.end(),
                        [](const fs::path& entry) { return part_named(entry) == Part::train; });
  for (const fs::path& entry : entries) {
    std::error_code error;
    const Part part = is_passed_over(entry) || !fs::is_directory(entry, error) ? Part::none : part_named(entry);
    if (part == Part::none || folders_with_images(entry).empty()) {  // such as a contest's test images without classes
      passed_over.add(entry);
      continue;
    }
    add_classes(entry, found,
                part == Part::train ? &ImageFiles::train
                : part == Part::val ? &ImageFiles::val
                                    : &ImageFiles::test,
                passed_over);
    found.has_val = found.has_val || part == Part::val;
    found.has_test = found.has_test || part == Part::test;
  }
  return found;
}

}  // namespace

bool holds_class_folders(const fs::path& directory) {
  std::error_code error;
  if (!fs::is_directory(directory, error)) return false;
  const std::vector<fs::path> folders = folders_in(directory);
  return std::any_of(folders.begin(), folders.end(), has_an_image);
}

void check_no_loose_images(const fs::path& directory) {
  const std::vector<fs::path> entries = entries_of(directory);
  if (std::any_of(entries.begin(), entries.end(),
                  [](const fs::path& path) { return !is_passed_over(path) && has_image_name(path); }))
    fail_file(kFinder, directory,
              "expected one folder of images a class, found images without classes: ", how_to_sort(directory));
}

ImageFiles find_image_files(const fs::path& given, const std::function<void(std::string_view line)>& say,
                            bool only_warnings) {
  PassedOver passed_over;
  const fs::path directory = follow_only_folders(given);
  ImageFiles found;
  const std::vector<fs::path> folders = folders_with_images(directory);
  const bool split = has_split(folders);
  if (split) {
    found = find_split(directory, passed_over);
  } else {
    check_no_flat_split(directory, folders);
    check_folders_in_classes(folders, say);
    add_classes(directory, found, &ImageFiles::train, passed_over);
  }
  if (found.class_names.size() < 2)
    fail_file(kFinder, directory, "expected two or more folders, one a class, found ", found.class_names.size());
  found.val.resize(found.class_names.size());
  found.test.resize(found.class_names.size());
  if (!say) return found;
  if (directory != given && !only_warnings) say("the images are taken from " + directory.string());
  if (split && !only_warnings) {
    std::vector<std::string> parts = {"training"};
    if (found.has_val) parts.emplace_back("validation");
    if (found.has_test) parts.emplace_back("testing");
    say("the folder's own split is used, for " + joined(parts));
    tell_missing_classes(found, say);
  }
  if (!split) tell_odd_classes(found.class_names, say);
  passed_over.tell(say);
  return found;
}

}  // namespace lamina
