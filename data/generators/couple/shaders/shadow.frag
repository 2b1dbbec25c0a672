#version 330
in float cut_value;

void main() {
    if (cut_value < 0.) discard;
}
