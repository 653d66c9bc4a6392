// Options as a JSON object of their names, both ways. Not installed, as no installed header needs JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "lamina/options.h"

namespace lamina {

/// All options that are set.
nlohmann::json options_to_json(const VisitOptions& visit_all);

/// Sets the options that `object` has. One number stands for a list of one, and the other way round; null for an option
/// that is not set. Throws std::invalid_argument, as the function `where`, for a value of a wrong kind, and for an
/// option that `object` does not have, unless it may be absent or is a newer one. Ranges are not checked. Members that
/// are no options are left alone.
void options_from_json(std::string_view where, const nlohmann::json& object, const VisitOptions& visit_all);

/// Whether a JSON text nests brackets more than 100 deep. No file of lamina does, and the JSON library, which recurses
/// for each, could overflow the stack.
bool nests_deeply(std::string_view text);
/// The JSON object of a text. Throws std::invalid_argument, as the function `where`, where the text is none.
nlohmann::json parse_json_object(std::string_view where, std::string_view text);
/// Whether JSON can hold a text.
bool is_utf8(const std::string& text);
/// On one line; bytes that are not UTF-8 are replaced.
std::string json_text(const nlohmann::json& object);

}  // namespace lamina
