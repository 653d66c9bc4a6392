#include "lamina/option_json.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "lamina/check.h"

namespace lamina {
namespace {

using nlohmann::json;

[[noreturn]] void wrong(std::string_view where, std::string_view name, std::string_view expected, const json& got) {
  std::string found = json_text(got);
  if (found.size() > 60) found = found.substr(0, 57) + "...";
  fail(where, "expected ", name, " to be ", expected, ", got ", found);
}

/// Reads the value of one option, or says what it should have been.
struct JsonReader {
  std::string_view where;
  const Option& option;
  const json& value;

  [[noreturn]] void wrong(std::string_view expected) const { lamina::wrong(where, option.name, expected, value); }

  static bool is_whole(const json& number) {
    return number.is_number_integer() &&
           !(number.is_number_unsigned() &&
             number.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<Index>::max()));
  }
  Index whole(const json& number) const {
    if (!is_whole(number)) lamina::wrong(where, option.name, "made of whole numbers", number);
    return number.get<Index>();
  }
  double real() const {
    if (!value.is_number()) wrong("a number");
    return value.get<double>();
  }
  const std::string& text() const {
    if (!value.is_string()) wrong("text");
    return value.get_ref<const std::string&>();
  }

  void operator()(bool* to) const {
    if (!value.is_boolean()) wrong("true or false");
    *to = value.get<bool>();
  }
  void operator()(Index* to) const {
    if (value.is_array() && value.size() != 1) wrong("one whole number");
    *to = whole(value.is_array() ? value[0] : value);
  }
  void operator()(std::uint32_t* to) const {
    const Index number = whole(value);
    if (number < 0 || number > std::numeric_limits<std::uint32_t>::max()) wrong("of 0 to 4294967295");
    *to = static_cast<std::uint32_t>(number);
  }
  void operator()(double* to) const { *to = real(); }
  void operator()(std::optional<Index>* to) const {
    *to = value.is_null() ? std::nullopt : std::optional(whole(value));
  }
  void operator()(std::optional<double>* to) const { *to = value.is_null() ? std::nullopt : std::optional(real()); }
  void operator()(std::string* to) const { *to = text(); }
  void operator()(std::filesystem::path* to) const { *to = text(); }
  void operator()(std::vector<Index>* to) const {
    if (!value.is_array() && !value.is_number()) wrong("a list of whole numbers");
    to->clear();
    if (value.is_number()) return to->push_back(whole(value));
    for (const json& element : value) to->push_back(whole(element));
  }
  void operator()(ImageSize* to) const {
    if (!value.is_array() || value.size() != 2) wrong("a height and a width");
    *to = {whole(value[0]), whole(value[1])};
    if (to->height < 1 || to->width < 1) wrong("a height and a width");
  }
  void operator()(const Choice& choice) const {
    const std::string wanted = lamina::wanted(option, choice);
    if (!value.is_string()) wrong(wanted);
    for (std::size_t i = 0; i < choice.words.size(); ++i)
      if (choice.words[i] == value.get_ref<const std::string&>()) return void(*choice.chosen = i);
    wrong(wanted);
  }
};

bool may_be_absent(const OptionValue& value) {
  return std::holds_alternative<std::optional<Index>*>(value) || std::holds_alternative<std::optional<double>*>(value);
}

json as_json(bool* value) { return *value; }
json as_json(Index* value) { return *value; }
json as_json(std::uint32_t* value) { return *value; }
json as_json(double* value) { return *value; }
json as_json(std::optional<Index>* value) { return *value ? json(**value) : json(); }
json as_json(std::optional<double>* value) { return *value ? json(**value) : json(); }
json as_json(std::string* value) { return *value; }
json as_json(std::filesystem::path* value) { return value->string(); }
json as_json(std::vector<Index>* value) { return *value; }
json as_json(ImageSize* value) { return std::vector<Index>{value->height, value->width}; }
json as_json(const Choice& choice) { return choice.words[*choice.chosen]; }

}  // namespace

json options_to_json(const VisitOptions& visit_all) {
  json object = json::object();
  visit_all([&](const Option& option, const OptionValue& value) {
    json written = std::visit([](const auto& from) { return as_json(from); }, value);
    if (!written.is_null()) object[std::string(option.name)] = std::move(written);
  });
  return object;
}

void options_from_json(std::string_view where, const json& object, const VisitOptions& visit_all) {
  visit_all([&](const Option& option, const OptionValue& value) {
    const auto found = object.find(option.name);
    if (found != object.end())
      std::visit(JsonReader{where, option, *found}, value);
    else if (!option.newer && !may_be_absent(value))
      fail(where, "expected the option ", option.name, ", got none of that name");
  });
}

bool nests_deeply(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (quoted && text[i] == '\\') ++i;
    if (!quoted && (text[i] == '[' || text[i] == '{') && ++depth > 100) return true;
    if (!quoted && (text[i] == ']' || text[i] == '}')) --depth;
  }
  return false;
}

json parse_json_object(std::string_view where, std::string_view text) {
  if (nests_deeply(text)) fail(where, "expected JSON with at most 100 brackets inside one another, got more");
  json object;
  try {
    object = json::parse(text);
  } catch (const json::parse_error& error) {
    fail(where, "expected JSON, got text that is none at byte ", error.byte);
  } catch (const json::exception&) {
    fail(where, "expected JSON, got a number out of range");
  }
  if (!object.is_object()) wrong(where, "the configuration", "an object", object);
  return object;
}

bool is_utf8(const std::string& text) {
  try {
    (void)json(text).dump();
    return true;
  } catch (const json::exception&) {
    return false;
  }
}

std::string json_text(const json& object) { return object.dump(-1, ' ', true, json::error_handler_t::replace); }

}  // namespace lamina
