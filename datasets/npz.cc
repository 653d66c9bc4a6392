#include "datasets/npz.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <set>

#include "datasets/npy_header.h"
#include "lamina/check.h"
#include "lamina/io/atomic_file.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kReadNpz = "read_npz";
constexpr std::uint64_t kMostBytes = std::uint64_t{4} << 30;

struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
struct FreeReader {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
struct FreeWriter {
  void operator()(archive* writer) const { archive_write_free(writer); }
};

std::string reason(archive* a) {
  const char* text = archive_error_string(a);
  return quoted_name(text != nullptr ? text : "an unknown error");
}

la_ssize_t append(archive*, void* target, const void* bytes, std::size_t count) {
  try {
    static_cast<std::string*>(target)->append(static_cast<const char*>(bytes), count);
    return static_cast<la_ssize_t>(count);
  } catch (const std::exception&) {
    return -1;
  }
}

// The bytes of one file of the archive. It never reads more than the file's .npy header announces.
std::string read_entry(archive* reader, const fs::path& file, const fs::path& member) {
  std::string bytes;
  std::optional<detail::NpyHeader> header;
  constexpr std::size_t kPiece = std::size_t{1} << 18;
  for (;;) {
    const std::size_t size = bytes.size();
    bytes.resize(size + kPiece);
    const la_ssize_t count = archive_read_data(reader, bytes.data() + size, kPiece);
    if (count < 0) fail_file(kReadNpz, file, "expected a whole zip archive, got: ", reason(reader));
    bytes.resize(size + static_cast<std::size_t>(count));
    if (count == 0) return bytes;
    if (!header) header = detail::read_npy_header(bytes, member);
    const std::uint64_t most = header ? header->data_at + header->data_bytes : std::uint64_t{1} << 21;
    if (bytes.size() > most) fail_file(kReadNpz, member, "expected ", most, " bytes by the array's header, got more");
    if (bytes.size() > kMostBytes) fail_file(kReadNpz, member, "expected at most 4 GiB, got more");
  }
}

}  // namespace

std::vector<NamedStoredTensor> parse_npz(std::string_view bytes, const fs::path& name) {
  // An empty archive is only an end record, which libarchive does not recognize.
  if (bytes == std::string_view("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22)) return {};
  const std::unique_ptr<archive, FreeReader> reader(archive_read_new());
  if (reader == nullptr) throw std::bad_alloc();
  archive_read_support_format_zip_seekable(reader.get());
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK)
    fail_file(kReadNpz, name, "expected a zip archive, got: ", reason(reader.get()));
  std::vector<NamedStoredTensor> result;
  std::set<std::string> names;
  std::uint64_t total = 0;
  for (;;) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) break;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
      fail_file(kReadNpz, name, "expected a whole zip archive, got: ", reason(reader.get()));
    const char* path = archive_entry_pathname(entry);
    std::string member = path != nullptr ? path : "";
    if (member.size() < 5 || !member.ends_with(".npy"))
      fail_file(kReadNpz, name, "expected members whose names end in .npy, got ", quoted_name(member));
    member.resize(member.size() - 4);
    if (!names.insert(member).second)
      fail_file(kReadNpz, name, "expected each name once, got ", quoted_name(member), " twice");
    const fs::path place = name.string() + ": " + quoted_name(member);
    const std::string content = read_entry(reader.get(), name, place);
    total += content.size();
    if (total > kMostBytes) fail_file(kReadNpz, name, "expected at most 4 GiB of arrays, got more");
    result.push_back({std::move(member), parse_npy(content, place)});
  }
  return result;
}

std::vector<NamedStoredTensor> read_npz(const fs::path& path) { return parse_npz(read_file(path), path); }

void write_npz(const fs::path& path, std::span<const NamedStoredView> tensors, bool compress) {
  std::set<std::string> names;
  for (const auto& [name, value] : tensors) {
    bool plain = !name.empty() && name.size() <= 1000;
    for (const char c : name) plain = plain && c > 0x20 && c < 0x7f;
    if (!plain) fail("write_npz", "expected names of printable ASCII characters, got ", quoted_name(name));
    if (!names.insert(name).second) fail("write_npz", "expected each name once, got ", quoted_name(name), " twice");
  }
  std::string bytes;
  const std::unique_ptr<archive, FreeWriter> writer(archive_write_new());
  if (writer == nullptr) throw std::bad_alloc();
  archive* const w = writer.get();
  const auto require = [&](bool good) {
    if (!good) fail_file("write_npz", path, "expected a zip archive to be made, got: ", reason(w));
  };
  require(archive_write_set_format_zip(w) == ARCHIVE_OK);
  require((compress ? archive_write_zip_set_compression_deflate(w) : archive_write_zip_set_compression_store(w)) ==
          ARCHIVE_OK);
  archive_write_set_bytes_in_last_block(w, 1);
  require(archive_write_open(w, &bytes, nullptr, append, nullptr) == ARCHIVE_OK);
  for (const auto& [name, value] : tensors) {
    const std::string header = detail::npy_header(value);
    const std::string_view data = bytes_of(value);
    const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
    if (entry == nullptr) throw std::bad_alloc();
    archive_entry_set_pathname(entry.get(), (name + ".npy").c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_mtime(entry.get(), 315532800, 0);  // always 1980, zip's earliest: equal arrays make equal files
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(header.size() + data.size()));
    require(archive_write_header(w, entry.get()) == ARCHIVE_OK);
    for (const std::string_view piece : {std::string_view(header), data})
      require(archive_write_data(w, piece.data(), piece.size()) == static_cast<la_ssize_t>(piece.size()));
  }
  require(archive_write_close(w) == ARCHIVE_OK);
  write_file_atomically(path, bytes);
}

}  // namespace lamina
